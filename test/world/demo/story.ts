import { mkdirSync } from 'node:fs';
import { Clinic, LINES, MANAGER, NURSE } from '../clinic.js';
import { FlakyLink } from '../faults/proxy.js';
import { freePort, getJson, Program, until } from '../run/programs.js';
import { occurrences, type SeenRecord } from '../run/read-log.js';
import type { AgentStatus, RelayView } from '../run/views.js';

export interface StoryOptions {
  folder: string;
  fast: boolean;
  relayPort: number;
  kafka: string | undefined;
  /** The live page is shown to whoever has it. */
  viewerToken: string;
  /** One line of plain words for a person. */
  tell: (line: string) => void;
  readLog: () => Promise<SeenRecord[]>;
}

export interface Told {
  relayUrl: string;
  stop(): Promise<void>;
}

/**
 * A night in a clinic: mains and internet go, a fridge warms, the buzzer sounds, a text leaves, someone
 * acknowledges, all comes back, and everything is found in the relay's log, once. Throws at the first step that
 * is not observed.
 */
export async function tellStory(options: StoryOptions): Promise<Told> {
  const { folder, fast, tell } = options;
  mkdirSync(folder, { recursive: true });
  const pause = (seconds: number) =>
    new Promise((resolve) => setTimeout(resolve, (fast ? 0.3 : 1) * seconds * 1000));
  const relayUrl = `http://127.0.0.1:${options.relayPort}`;
  const relay = new Program('relay', relayConfig(options), folder);
  const link = await new FlakyLink('127.0.0.1', options.relayPort).listen();
  const [httpPort, mqttPort] = [await freePort(), await freePort()];
  const clinic = new Clinic({
    folder,
    speed: fast ? 500 : 150,
    relayUrl: `http://127.0.0.1:${link.port}`,
    httpPort,
    mqttPort,
    dwell: fast ? '2s' : '5s',
  });
  const agent = new Program('agent', clinic.siteConfig(), folder);
  const agentStatus = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
  const relayView = () => getJson<RelayView>(`${relayUrl}/api/live`, options.viewerToken);
  const stop = async () => {
    await Promise.all([agent.stop(), relay.stop()]);
    await link.close();
    await clinic.stop();
  };

  try {
    await until('the relay answers', 30_000, () => getJson(`${relayUrl}/healthz`));
    tell(`The relay is up. Live page: ${pageLink(relayUrl, options.viewerToken)}`);
    await until('the agent answers', 20_000, agentStatus);
    await clinic.start();
    tell(
      'The agent is up: a 1-wire probe, a Modbus probe, a Zigbee sensor and a serial probe, each in a fridge.',
    );

    await until('readings of every sensor at the relay', 20_000, async () => {
      const seen = new Set((await relayView()).sensors.map((s) => s.sensor));
      return ['fridge-1', 'fridge-2', 'fridge-3', 'cabinet', 'mains', 'door-1'].every((id) => seen.has(id));
    });
    tell('Readings of all sensors arrive at the relay.');
    await pause(10);

    clinic.setMains(false);
    link.cut();
    tell('02:47 at night. The mains go, and with them the internet. The gateway runs on its battery.');
    await until('the agent notices both', 20_000, async () => {
      const { open_alerts, relay: up } = await agentStatus();
      return open_alerts.some((a) => a.alert_type === 'mains_lost') && up && !up.connected;
    });
    const warning = await until('a text about the mains', 20_000, () =>
      clinic.modem.sent.find((s) => s.to === NURSE.phone && s.text.includes('power is out')),
    );
    tell(`The agent has noticed both: the buzzer chirps, and a text leaves the modem: "${warning.text}"`);

    const excursion = await until('an excursion of fridge 1', 90_000, async () => {
      const { open_alerts } = await agentStatus();
      return open_alerts.find((a) => a.alert_type === 'excursion' && a.sensor === 'fridge-1');
    });
    clinic.buzzerAt = 0;
    tell(`Fridge 1 warms, and the agent finds the excursion by itself: "${excursion.summary}"`);

    await until('the buzzer sounds', 5000, () => clinic.gpio.level(LINES.buzzer) || clinic.buzzerAt > 0);
    tell('The buzzer sounds.');
    const text = await until('a text to the nurse', 20_000, () =>
      clinic.modem.sent.find((s) => s.to === NURSE.phone && s.text.includes('above 8 C')),
    );
    tell(`A text leaves the modem: "${text.text}"`);

    const code = /ACK (\d{4})/.exec(text.text)?.[1];
    if (!code) throw new Error(`the text names no code: ${text.text}`);
    await pause(4);
    clinic.modem.receive(NURSE.phone, `ACK ${code} on my way`);
    tell(`${NURSE.name} answers from bed: "ACK ${code} on my way"`);
    await until('the acknowledgement', 30_000, async () =>
      (await agentStatus()).acknowledged.includes(excursion.episode_id),
    );
    if (
      JSON.stringify(await agentStatus()).match(
        new RegExp(`${NURSE.name}|${NURSE.phone.replace('+', '\\+')}`),
      )
    )
      throw new Error('the page on the LAN names who was woken');
    await until('the buzzer falls silent', 5000, async () => {
      const before = clinic.gpio.level(LINES.buzzer);
      await new Promise((resolve) => setTimeout(resolve, 600));
      return !before && !clinic.gpio.level(LINES.buzzer);
    });
    tell('The agent takes it: the buzzer only chirps for the mains, and nobody else is woken.');
    if (clinic.modem.sent.some((s) => s.to === MANAGER.phone))
      throw new Error('the manager was woken all the same');
    await pause(10);

    const offline = await agentStatus();
    clinic.setMains(true);
    link.up();
    tell(
      `The mains and the internet are back. ${offline.relay.backlog} readings and alerts have waited in the ring.`,
    );
    await until('the fridge is back in range', 60_000, async () => {
      const { open_alerts } = await agentStatus();
      return open_alerts.every((a) => a.alert_type !== 'excursion' && a.alert_type !== 'mains_lost');
    });
    const over = await until('the nurse hears that it is over', 20_000, () =>
      clinic.modem.sent.find((s) => s.text.includes('was above 8 C')),
    );
    tell(`All are back in range, and the nurse reads: "${over.text}"`);

    await until('the ring is empty of unsent rows', 30_000, async () => {
      const { relay: up } = await agentStatus();
      return up.connected && up.backlog < 20;
    });
    const through = (await agentStatus()).ring;
    await until(
      'all of it in the log',
      30_000,
      async () => missingFrom(await options.readLog(), through) === 0,
    );
    const counted = judge(await options.readLog(), through);
    tell(
      `Everything is in the relay's log: ${counted.readings} readings and ${counted.events} alerts and events, each once.`,
    );
    await checkAlerts(relayView, excursion.episode_id);
    tell('So are all steps of the alert: raised, acknowledged, cleared, with who and when.');
    return { relayUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function relayConfig({ folder, relayPort, kafka, viewerToken }: StoryOptions) {
  return {
    data: `${folder}/relay`,
    http: { host: '127.0.0.1', port: relayPort },
    viewers: { tokens: { demo: viewerToken } },
    ...(kafka ? { kafka: { brokers: [kafka] } } : {}),
  };
}

/** With its token: a browser that follows it once is let in from then on. */
export const pageLink = (relayUrl: string, token: string) => `${relayUrl}/login?token=${token}`;

type Through = { epoch: string; readings: number; events: number };

function missingFrom(records: readonly SeenRecord[], through: Through): number {
  const counts = occurrences(records);
  let missing = 0;
  for (const stream of ['readings', 'events'] as const) {
    for (let seq = 1; seq <= through[stream]; seq++) {
      if (!counts.has(`demo-gateway/${through.epoch}/${stream}/${seq}`)) missing += 1;
    }
  }
  return missing;
}

function judge(records: readonly SeenRecord[], through: Through): { readings: number; events: number } {
  const mine = records.filter(({ message }) => message.epoch === through.epoch);
  const twice = [...occurrences(mine)].filter(([, count]) => count > 1);
  if (twice.length > 0)
    throw new Error(
      `found more than once: ${twice
        .map(([id]) => id)
        .slice(0, 5)
        .join(', ')}`,
    );
  return through;
}

async function checkAlerts(view: () => Promise<RelayView>, episode: string): Promise<void> {
  await until('the closed episode on the live page', 10_000, async () => {
    const found = (await view()).alerts.find((a) => a.episode_id === episode);
    return found?.state === 'cleared';
  });
}
