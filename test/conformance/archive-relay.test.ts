import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DAY } from '../../core/durations.js';
import { SystemClock } from '../../host/clock.js';
import { EmbeddedLog } from '../../relay/log/embedded/embedded.js';
import { EPOCH, reading, START } from '../world/data/archived.js';
import { getJson, until } from '../world/run/programs.js';
import { startRelay } from '../world/run/relay.js';
import { type Service, startPostgres, tempFolder } from '../world/run/services.js';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** What is wrong with a question is named, and nothing that is right. */
async function refusesBadQuestions(history: string) {
  const problems = async (question: string) => {
    const answer = await fetch(`${history}/${question}`);
    const { error, problems } = (await answer.json()) as { error: string; problems: { path: string }[] };
    expect([answer.status, error]).toEqual([400, 'invalid']);
    return problems;
  };
  const to = 'to=2026-12-01T00:00:00Z';
  expect(await problems(`readings?clinic=c&from=yesterday&${to}`)).toEqual([
    { path: 'from', got: '"yesterday"', expected: 'a time such as 2027-05-01T06:00:00Z' },
  ]);
  expect(await problems(`readings?clinic=c&from=2026-12-01T00:00:00Z&${to}`)).toEqual([
    { path: 'to', got: '"2026-12-01T00:00:00Z"', expected: 'a time after "from"' },
  ]);
  const from = 'from=2026-10-01T00:00:00Z';
  expect(await problems(`aggregates?clinic=c&${from}&${to}&quantity=humidty`)).toMatchObject([
    { path: 'quantity', expected: expect.stringContaining('did you mean "humidity"?') },
  ]);
  // They are of no quantity.
  expect(await problems(`episodes?clinic=c&${from}&${to}&quantity=humidity`)).toMatchObject([
    { path: 'quantity', got: 'an unknown field' },
  ]);
}

let postgres: Service & { url: string };
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.stop());

it.each(['sqlite', 'postgres'])(
  'an archive in %s is filled by the relay, waits for a database that is away, and is rebuilt from the log',
  async (kind) => {
    const folder = tempFolder('archive');
    const config = kind === 'postgres' ? { postgres: postgres.url } : {};
    if (kind === 'postgres') await postgres.halt();
    const relay = await startRelay(folder.path, { archive: config });
    const log = new EmbeddedLog(`${folder.path}/relay`, new SystemClock(), DAY);
    const append = (seq: number) =>
      log.append({
        gateway: 'g',
        epoch: EPOCH,
        stream: 'readings',
        from: seq,
        records: [
          {
            topic: 'iot.temperature',
            key: 'c/f',
            value: JSON.stringify(reading(seq)),
            headers: {},
            timestamp: START,
          },
        ],
      });
    await append(1);
    await append(2);
    if (kind === 'postgres') {
      expect(
        (
          await fetch(
            `${relay.url}/v1/history/readings?clinic=c&from=2026-10-01T00:00:00Z&to=2026-12-01T00:00:00Z`,
          )
        ).status,
      ).toBe(503);
      await postgres.restart();
    }
    const history = () =>
      getJson<{ readings: { seq: number }[]; complete: boolean }>(
        `${relay.url}/v1/history/readings?clinic=c&from=2026-10-01T00:00:00Z&to=2026-12-01T00:00:00Z`,
      );
    await until('both readings', 40_000, async () => (await history()).readings.length === 2);
    const one = await getJson<{ readings: unknown[]; complete: boolean; next: string }>(
      `${relay.url}/v1/history/readings?clinic=c&from=2026-10-01T00:00:00Z&to=2026-12-01T00:00:00Z&limit=1`,
    );
    expect([one.readings.length, one.complete]).toEqual([1, false]);
    const two = await getJson<{ readings: { seq: number }[]; complete: boolean; next: null }>(
      `${relay.url}/v1/history/readings?clinic=c&from=2026-10-01T00:00:00Z&to=2026-12-01T00:00:00Z&limit=1&after=${one.next}`,
    );
    expect(two).toMatchObject({ readings: [{ seq: 2 }], complete: true, next: null });
    await refusesBadQuestions(`${relay.url}/v1/history`);
    const before = await history();
    const rebuilt = spawnSync(
      process.execPath,
      [CLI, 'relay', 'archive', 'rebuild', '--config', `${folder.path}/relay.yaml`, '--json'],
      { encoding: 'utf8' },
    );
    expect([rebuilt.stderr, rebuilt.status]).toEqual(['', 0]);
    expect(await history()).toEqual(before);
    await relay.program.stop();
    await log.close();
    folder.remove();
  },
);
