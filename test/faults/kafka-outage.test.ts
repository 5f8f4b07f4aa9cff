import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { postRows } from '../world/run/post-rows.js';
import { freePort, Program, until } from '../world/run/programs.js';
import { occurrences, readKafka } from '../world/run/read-log.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { type Service, startKafka, tempFolder } from '../world/run/services.js';

/** From Kafka's answering again to every gateway's first batch: below the session that a killed relay leaves behind. */
const BACK_MS = 12_000;
const ROWS = 200;
const folder = tempFolder('kafka-outage');
const gateways = Array.from({ length: 8 }, (_, i) => `gw-${i}`);
const next = new Map<string, number>();
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
let kafka: Service;
let port: number;
let relay: TestRelay;
beforeAll(async () => {
  [kafka, port] = await Promise.all([startKafka(), freePort()]);
  relay = await startRelay(folder.path, { kafka: kafka.address, port });
});
afterAll(async () => {
  await relay?.program.kill();
  await kafka?.stop();
  folder.remove();
});

async function post(gateway: string): Promise<boolean> {
  const from = next.get(gateway) ?? 1;
  const to = from + ROWS - 1;
  if ((await postRows(relay.url, gateway, from, to, 3000)) !== 200) return false;
  next.set(gateway, to + 1);
  return true;
}

/** Sends all the while. */
async function during(work: () => Promise<void>): Promise<void> {
  let on = true;
  const sending = gateways.map(async (gateway) => {
    while (on) if (!(await post(gateway))) await pause(20);
  });
  await pause(1500);
  await work();
  on = false;
  await Promise.all(sending);
}

const restarted = () => {
  const http = { host: '127.0.0.1', port, public_url: relay.url };
  const config = { data: `${folder.path}/relay`, http, kafka: { brokers: [kafka.address] } };
  return new Program('relay', config, folder.path);
};

it.each([
  ['Kafka is killed, and the relay inside its commits', true],
  ['Kafka is killed, and away for long', false],
])('after %s every gateway is served again soon, and nothing is there twice', async (_what, killed) => {
  await during(async () => {
    if (killed) await relay.program.kill();
    await kafka.kill();
    await pause(killed ? 1000 : 12_000);
  });
  if (killed) relay = { ...relay, program: restarted() };
  await pause(2000);
  await kafka.restart();
  const back = performance.now();
  await Promise.all(gateways.map((gateway) => until(`${gateway} served`, 60_000, () => post(gateway))));
  expect(performance.now() - back).toBeLessThan(BACK_MS);
  const counts = occurrences(readKafka(kafka.address, ['iot.temperature']));
  expect([...counts].filter(([, count]) => count > 1)).toEqual([]);
  for (const [gateway, to] of next) {
    const mine = [...counts.keys()].filter((id) => id.startsWith(`${gateway}/`));
    expect(mine.length).toBeGreaterThanOrEqual(to - 1);
  }
});

it('hears SIGTERM while it waits for Kafka', async () => {
  await relay.program.stop();
  await kafka.kill();
  const told = () =>
    readFileSync(`${folder.path}/relay.log`, 'utf8').split('the log is not there yet').length;
  const before = told();
  const waiting = restarted();
  await until('a relay that waits', 60_000, () => told() > before);
  const asked = performance.now();
  expect(await waiting.stop()).toBe(0);
  expect(performance.now() - asked).toBeLessThan(6000);
  await kafka.restart();
  relay = { ...relay, program: restarted() };
  await until('the relay', 60_000, () => post(gateways[0]!));
});
