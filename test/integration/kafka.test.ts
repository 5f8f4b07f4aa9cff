import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseLoggerFile } from '../../lab/fridge-tag/parse.js';
import { type History, readHistory } from '../world/data/history.js';
import { publishHistory, replaySite } from '../world/demo/replay.js';
import { Fridge } from '../world/probes/fridge.js';
import { kcatLines } from '../world/run/kcat.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { startRelay } from '../world/run/relay.js';
import { type Service, startKafka, startMosquitto, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';

/** Real loggers' files; they are other people's, so a clone may be without them. */
const DATA = fileURLToPath(new URL('../../../shared/data/fridge-tag/', import.meta.url));
const ULTRA_LOW = `${DATA}ultra-low-100800001215.txt`;

let kafka: Service;
let mosquitto: Service;
beforeAll(async () => {
  [kafka, mosquitto] = await Promise.all([startKafka(), startMosquitto()]);
});
afterAll(async () => {
  await Promise.all([kafka?.stop(), mosquitto?.stop()]);
});

interface Message {
  sensor: string;
  value: number;
  measured_at: number;
  epoch: string;
  seq: number;
  alert_type?: string;
  state?: string;
  timestamp?: string;
  since?: string;
}

function seen(topic: string, epoch: string): Message[] {
  const messages = kcatLines(kafka.address, topic).map((line) => JSON.parse(line) as Message);
  return messages.filter((message) => message.epoch === epoch);
}

/** History → Mosquitto → agent → relay → Kafka. With `crash`, the agent is killed (-9) in the middle. */
async function replay(history: History, crash: boolean) {
  const folder = tempFolder('replay');
  const httpPort = await freePort();
  const { program: relay, url: relayUrl } = await startRelay(folder.path, { kafka: kafka.address });
  const site = replaySite(history, 'C', {
    data: `${folder.path}/agent`,
    mqtt: { url: `mqtt://${mosquitto.address}` },
    relay: { url: relayUrl, every: '500ms', backoff_max: '1s' },
    http: { host: '127.0.0.1', port: httpPort },
  });
  // One broker serves all tests: each agent has a session and topics of its own.
  const tag = `t${httpPort}`;
  site.gateway = tag;
  for (const sensor of site.sensors)
    sensor.source.topic = sensor.source.topic.replace('history/', `history/${tag}-`);
  const tagged = {
    ...history,
    readings: history.readings.map((r) => ({ ...r, sensor: `${tag}-${r.sensor}` })),
  };
  const url = `mqtt://${mosquitto.address}`;
  const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
  let agent = new Program('agent', site, folder.path);
  try {
    const { epoch } = (await until('the agent', 20_000, status)).ring;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const half = Math.floor(history.readings.length / 2);
    if (crash) {
      const publishing = publishHistory(url, tagged, 0, half + 100);
      await until('some readings', 20_000, async () => (await status()).ring.readings > half / 2);
      await agent.kill();
      await publishing;
      agent = new Program('agent', site, folder.path);
      await until('the agent again', 20_000, status);
      await publishHistory(url, tagged, half + 100);
    } else {
      await publishHistory(url, tagged);
    }
    await until('every reading at the relay', 60_000, async () => {
      const { ring, relay: link } = await status();
      return ring.readings >= history.readings.length && ring.waiting === 0 && link.backlog === 0;
    });
    return { readings: seen('iot.temperature', epoch), alerts: seen('alerts', epoch), epoch };
  } finally {
    await Promise.all([agent.stop(), relay.stop()]);
    folder.remove();
  }
}

const inOrder = (list: { at: number; value: number }[]) =>
  list.sort((a, b) => a.at - b.at || a.value - b.value);

function expectEachOnce(history: History, readings: Message[]): void {
  const seqs = readings.map((m) => m.seq).sort((a, b) => a - b);
  const twice = seqs.filter((seq, i) => seq === seqs[i - 1]);
  expect(twice, 'rows that the log holds twice').toEqual([]);
  const seen = new Map<number, number>();
  const again = readings.filter((m) => seen.has(m.measured_at) || !seen.set(m.measured_at, m.seq));
  const stored = again.map((m) => [m.measured_at, seen.get(m.measured_at), m.seq]);
  expect(stored, 'readings that the agent stored twice: [time, seq, seq]').toEqual([]);
  const got = inOrder(readings.map((m) => ({ at: m.measured_at, value: m.value })));
  expect(got).toEqual(inOrder(history.readings.map(({ at, value }) => ({ at, value }))));
}

/** A fridge's fortnight at five minutes with one outage of ten hours: its excursion is known beforehand. */
function outage(): History {
  const fridge = new Fridge({ startC: 4.5 });
  const start = Date.UTC(2026, 0, 5);
  const readings: History['readings'] = [];
  for (let i = 0; i < 4032; i++) {
    fridge.mains = !(i >= 2000 && i < 2120);
    fridge.advance(1 / 12);
    readings.push({
      sensor: 'fridge',
      at: start + i * 300_000,
      value: Math.round(fridge.temperatureC * 10) / 10,
    });
  }
  return { readings, alarms: [{ index: 1, side: 'above', limitC: 8, dwellMin: 60 }], intervalMin: 5 };
}

describe('from an MQTT broker to Kafka', () => {
  it.each([
    ['without a fault', false],
    ['with the agent killed (-9) in the middle', true],
  ])('each reading is there once, and the outage’s excursion, %s', async (_what, crash) => {
    const history = outage();
    const { readings, alerts } = await replay(history, crash);
    expectEachOnce(history, readings);
    const first = history.readings.find((r) => r.value > 8)!;
    expect(alerts.map((a) => [a.alert_type, a.state])).toEqual([
      ['excursion', 'raised'],
      ['excursion', 'cleared'],
    ]);
    expect(Date.parse(alerts[0]!.since!)).toBe(first.at);
    expect(Date.parse(alerts[0]!.timestamp!)).toBe(first.at + 60 * 60_000);
  });

  it.runIf(existsSync(ULTRA_LOW))(
    'a real logger’s file gives the excursions that the logger itself raised',
    async () => {
      const history = readHistory(ULTRA_LOW);
      const { readings, alerts } = await replay(history, true);
      expectEachOnce(history, readings);
      const file = parseLoggerFile(readFileSync(ULTRA_LOW, 'utf8'));
      const raisedByLogger = file.days.flatMap((day) =>
        day.alarms
          .filter((a) => a.raisedAt !== null && a.raisedAt !== '00:00')
          .map((a) => `${day.date}T${a.raisedAt}`),
      );
      const raised = alerts.filter((a) => a.state === 'raised');
      expect(raised).toHaveLength(raisedByLogger.length);
      // The logger counts its first ten minutes, which its file shows without values: we start at the first value.
      const late = Date.parse(raised[0]!.timestamp!) - Date.parse(`${raisedByLogger[0]}Z`);
      expect(late).toBeLessThanOrEqual((file.delayMin + file.intervalMin) * 60_000);
    },
  );
});
