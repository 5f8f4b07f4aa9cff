import { mkdirSync } from 'node:fs';
import { connectAsync } from 'mqtt';
import { type History, readHistory } from '../data/history.js';
import { freePort, getJson, Program, until } from '../run/programs.js';
import { occurrences, type SeenRecord } from '../run/read-log.js';
import { startRelay } from '../run/relay.js';
import type { AgentStatus } from '../run/views.js';
import { pageLink, type Told } from './story.js';

export interface ReplayOptions {
  folder: string;
  file: string;
  unit: 'C' | 'F';
  relayPort: number;
  kafka: string | undefined;
  viewerToken: string;
  tell: (line: string) => void;
  readLog: () => Promise<SeenRecord[]>;
}

const GATEWAY = 'replay-gateway';

/** A site whose sensors are the history's, fed through an MQTT broker with the times of their readings. */
export function replaySite(history: History, unit: 'C' | 'F', base: object) {
  const sensors = [...new Set(history.readings.map((reading) => reading.sensor))];
  const rules = history.alarms.length > 0 ? loggerRules(history) : VACCINE_RULES;
  return {
    clinic: { id: 'replay-clinic', name: 'Replayed history' },
    gateway: GATEWAY,
    sensors: sensors.map((id) => ({
      id,
      source: {
        kind: 'mqtt',
        topic: `history/${id}`,
        values: [{ quantity: 'temperature', unit: unit === 'F' ? 'F' : 'Cel', path: 'temperature' }],
        time: { path: 'time', format: 'iso' },
      },
      rules,
    })),
    ...base,
  };
}

const VACCINE_RULES = [
  { kind: 'threshold', name: 'warm', side: 'above', limit: 8, dwell: '30m', gap: '2h' },
  { kind: 'threshold', name: 'cold', side: 'below', limit: 2, dwell: '30m', gap: '2h' },
];

function loggerRules({ alarms, intervalMin }: History) {
  return alarms.map(({ index, side, limitC, dwellMin }) => ({
    kind: 'threshold',
    name: `alarm-${index}`,
    side,
    limit: limitC,
    dwell: `${dwellMin}m`,
    gap: `${(intervalMin ?? 5) * 1.5}m`,
  }));
}

/** Publishes history in order, as fast as the broker confirms. */
export async function publishHistory(
  url: string,
  history: History,
  from = 0,
  to = history.readings.length,
): Promise<void> {
  const client = await connectAsync(url);
  const window: Promise<unknown>[] = [];
  for (const { sensor, at, value } of history.readings.slice(from, to)) {
    const payload = JSON.stringify({ time: new Date(at).toISOString(), temperature: value });
    window.push(client.publishAsync(`history/${sensor}`, payload, { qos: 1 }));
    if (window.length >= 100) await Promise.all(window.splice(0));
  }
  await Promise.all(window);
  await client.endAsync();
}

/** Replays a file through broker, agent and relay, and finds each of its readings in the log, once. */
export async function replayHistory(options: ReplayOptions): Promise<Told> {
  const { folder, tell, relayPort, kafka, viewerToken } = options;
  const history = readHistory(options.file);
  if (history.readings.length === 0)
    throw new Error(`${options.file} holds no readings (daily summaries only?)`);
  mkdirSync(folder, { recursive: true });
  const [httpPort, mqttPort] = [await freePort(), await freePort()];
  const { program: relay, url: relayUrl } = await startRelay(folder, {
    port: relayPort,
    kafka,
    viewers: { tokens: { demo: viewerToken } },
  });
  const site = replaySite(history, options.unit, {
    data: `${folder}/agent`,
    mqtt: { embedded: { port: mqttPort } },
    relay: { url: relayUrl, every: '1s' },
    http: { host: '127.0.0.1', port: httpPort },
  });
  const agent = new Program('agent', site, folder);
  const stop = async () => {
    await Promise.all([agent.stop(), relay.stop()]);
  };
  try {
    const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
    await until('the agent answers', 20_000, status);
    tell(`Live page: ${pageLink(relayUrl, viewerToken)}`);
    tell(`Replaying ${history.readings.length} readings of ${options.file} through the MQTT broker.`);
    await publishHistory(`mqtt://127.0.0.1:${mqttPort}`, history);
    const { epoch } = (await status()).ring;
    const mine = async () => (await options.readLog()).filter(({ message }) => message.epoch === epoch);
    await until('every reading in the log', 120_000, async () => {
      return (await mine()).filter((r) => r.topic === 'iot.temperature').length >= history.readings.length;
    });
    const records = await mine();
    const temperatures = records.filter((record) => record.topic === 'iot.temperature');
    const twice = [...occurrences(records).values()].filter((count) => count > 1).length;
    if (twice > 0 || temperatures.length !== history.readings.length) {
      throw new Error(
        `expected ${history.readings.length} readings once, found ${temperatures.length}, ${twice} twice`,
      );
    }
    tell(`All ${temperatures.length} readings are in the log, each once.`);
    for (const { message } of records.filter((record) => record.topic === 'alerts')) {
      tell(`${message.timestamp}  ${message.alert_type} ${message.state}: ${message.summary}`);
    }
    return { relayUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
