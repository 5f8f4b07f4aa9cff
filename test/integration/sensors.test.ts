import { writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { kcatLines } from '../world/run/kcat.js';
import { freePort, Program, until } from '../world/run/programs.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { type Service, startKafka, tempFolder } from '../world/run/services.js';

/* What a gateway says of its sensors, through the whole way into the log, in the order in which it was said. */
let kafka: Service;
beforeAll(async () => {
  kafka = await startKafka();
});
afterAll(() => kafka?.stop());

type Said = [key: string, value: { name: string; purpose: string; channels: object[] } | null];

function inEmbedded(folder: string): Said[] {
  const db = new Database(`${folder}/relay/log.db`, { readonly: true });
  const rows = db.prepare("SELECT key, value FROM records WHERE topic = 'iot.sensors' ORDER BY offset").all();
  db.close();
  return (rows as { key: string; value: string }[]).map(({ key, value }) => [
    key,
    value === '' ? null : JSON.parse(value),
  ]);
}
const inKafka = (): Said[] =>
  kcatLines(kafka.address, 'iot.sensors', '-K', '\t', '-Z')
    .map((line) => line.split('\t') as [string, string])
    .map(([key, value]) => [key, value === 'NULL' ? null : JSON.parse(value)]);

describe.each(['embedded', 'Kafka'])('sensors in the %s log', (which) => {
  const folder = tempFolder('sensors');
  const running: { stop(): Promise<unknown> }[] = [];
  afterAll(async () => {
    for (const program of running.reverse()) await program.stop();
    folder.remove();
  });

  it('are announced at the start and when the site file changes, taken back when they go, and not repeated', async () => {
    const relay: TestRelay = await startRelay(folder.path, {
      kafka: which === 'Kafka' ? kafka.address : undefined,
    });
    running.push(relay.program);
    const said = () => (which === 'Kafka' ? inKafka() : inEmbedded(folder.path));
    const sensor = (id: string, preset: string) => ({
      id,
      preset,
      source: {
        kind: 'mqtt',
        topic: `t/${id}`,
        values: [{ quantity: 'temperature', unit: 'Cel', path: 't' }],
      },
    });
    const site = {
      clinic: { id: 'north', name: 'North' },
      gateway: 'gw',
      data: `${folder.path}/agent`,
      sensors: [sensor('fridge', 'refrigerator-2-8'), sensor('freezer', 'cdc-freezer')],
      mqtt: { embedded: { port: await freePort() } },
      http: { host: '127.0.0.1', port: await freePort() },
      relay: { url: relay.url },
    };
    let agent = new Program('agent', site, folder.path);
    running.push({ stop: () => agent.stop() });
    const both = await until('both sensors', 30_000, () => (said().length >= 2 ? said() : undefined));
    const freezer = both.find(([key]) => key === 'north/freezer')![1];
    expect(freezer).toMatchObject({
      clinic: 'north',
      gateway: 'gw',
      sensor: 'freezer',
      purpose: 'freezer',
      clinic_name: 'North',
      channels: [{ quantity: 'temperature', unit: 'Cel', low: -50, high: -15 }],
    });

    const changed = { ...site, sensors: [{ ...site.sensors[0], name: 'Fridge of the ward' }] };
    writeFileSync(`${folder.path}/agent.yaml`, stringify(changed));
    const four = await until('the change', 30_000, () => (said().length >= 4 ? said() : undefined));
    const later = four.slice(2).sort();
    expect(later[0]).toEqual(['north/freezer', null]);
    expect(later[1]![1]!.name).toBe('Fridge of the ward');

    await agent.kill();
    agent = new Program(
      'agent',
      { ...changed, sensors: [...changed.sensors, sensor('new', 'who-pqs-freezer')] },
      folder.path,
    );
    const five = await until('the new one', 30_000, () => (said().length >= 5 ? said() : undefined));
    expect(five.filter(([key]) => !four.some(([known]) => known === key)).map(([key]) => key)).toEqual([
      'north/new',
    ]);
    expect(five).toHaveLength(5);
  });
});
