import { describe, expect, it } from 'vitest';
import { DATA_TOPICS } from '../../core/contract/messages.js';
import { type Append, Elsewhere, type Log } from '../../relay/log/port.js';
import { batch, embedded, fresh, kafka } from '../world/run/log-bench.js';
import { until } from '../world/run/programs.js';

/** Appends as a gateway does: to the relay that serves it, again after what can be tried again. */
function appendTo(logs: Record<string, Log>, batch: Append): Promise<unknown> {
  let name = Object.keys(logs)[0]!;
  return until('the batch to be taken', 30_000, async () => {
    try {
      return await logs[name]!.append(batch);
    } catch (error) {
      if (!(error as { retry?: boolean }).retry) throw error;
      const named = error instanceof Elsewhere && error.url ? new URL(error.url).host : '';
      name = named in logs ? named : Object.keys(logs)[0]!;
      return undefined;
    }
  });
}

describe.each([
  ['embedded', embedded],
  ['kafka', kafka],
])('two relays on one %s log', (_name, start) => {
  it('share the gateways, take over from each other, and store nothing twice', async () => {
    const bench = await start();
    const one = await bench.open('one');
    const ids = Array.from({ length: 8 }, fresh);
    for (const id of ids) await one.append(batch(id, 1, 10));
    const two = await bench.open('two');
    const both = { one, two };
    await Promise.all(
      ids.flatMap((id) => [appendTo(both, batch(id, 5, 20)), appendTo(both, batch(id, 5, 20))]),
    );
    await two.close();
    await Promise.all(ids.map((id) => appendTo({ one }, batch(id, 15, 30))));
    const seen: string[] = [];
    const tail = await one.tail(DATA_TOPICS, Date.now() - 3_600_000, (records) => {
      seen.push(...records.map((r) => `${r.headers.gateway}/${r.headers.seq}`));
    });
    await until('all records', 20_000, () => seen.length >= ids.length * 30);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([seen.length, new Set(seen).size]).toEqual([ids.length * 30, ids.length * 30]);
    await tail.stop();
    await one.close();
    await bench.close();
  });
});

describe('two relays on one Kafka', () => {
  it('each serve lanes, name each other, and one that is not in the group any more commits nothing', async () => {
    const bench = await kafka();
    const one = await bench.open('one');
    const two = await bench.open('two');
    const served = async (log: Log, id: { gateway: string; epoch: string }) => {
      try {
        await log.append(batch(id, 1, 1));
        return true;
      } catch (error) {
        return error instanceof Elsewhere ? error.url : undefined;
      }
    };
    const ids = Array.from({ length: 8 }, fresh);
    await until('the lanes to be shared', 20_000, async () => {
      const answers = await Promise.all(ids.map((id) => served(one, id)));
      return answers.includes(true) && answers.includes('http://two');
    });
    for (const id of ids) {
      const [atOne, atTwo] = [await served(one, id), await served(two, id)];
      expect([atOne, atTwo].sort()).toEqual(atOne === true ? ['http://one', true] : ['http://two', true]);
    }
    await Promise.all([one.close(), two.close()]);
    await bench.close();
  });
});
