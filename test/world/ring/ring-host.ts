import { RingClient } from '../../../agent/ring/client.js';
import type { RangeSet } from '../../../core/contract/ranges.js';
import { timesAt } from '../../../core/reading.js';
import { SystemClock } from '../../../host/clock.js';

/*
 * A ring in a process of its own, so that it can be killed: `node ring-host.js FILE CAPACITY`, driven over IPC.
 * Each request is answered once, with its id.
 */
export type HostRequest =
  | { op: 'append'; values: number[] }
  | { op: 'event'; detail: string }
  | { op: 'held'; ranges: RangeSet }
  | { op: 'durable' }
  | { op: 'dump' }
  | { op: 'close' };

const [file, capacity] = process.argv.slice(2);
const clock = new SystemClock();
const ring = await RingClient.open({
  file: file!,
  boot: 'boot',
  capacity: Number(capacity),
  flushMs: 5,
  clock,
});

async function answer(request: HostRequest): Promise<unknown> {
  switch (request.op) {
    case 'append':
      for (const milli of request.values) {
        const at = clock.mono();
        const times = { ...timesAt(at), wallMs: clock.wall() };
        ring.append({ sensor: 's', quantity: 'temperature', milli, quality: 'good', ...times });
      }
      return ring.head('readings');
    case 'event': {
      const at = new Date(clock.wall()).toISOString();
      return ring.appendEvent({ type: 'audit', audit: { action: 'test', at, detail: request.detail } });
    }
    case 'held':
      return ring.markHeld('readings', request.ranges);
    case 'durable':
      await new Promise<void>((resolve) => ring.whenKept(resolve));
      return ring.durable('readings');
    case 'dump':
      return dump();
    case 'close':
      return ring.close();
  }
}

async function dump() {
  const [tail, head] = [ring.tail('readings'), ring.durable('readings')];
  const [firstEvent, lastEvent] = [ring.tail('events'), ring.durable('events')];
  const [firstSummary, lastSummary] = [ring.tail('summaries'), ring.durable('summaries')];
  return {
    epoch: ring.epoch,
    tail,
    head,
    held: ring.held('readings'),
    values: head < tail ? [] : (await ring.readReadings([tail, head])).map(({ milli }) => milli),
    events: lastEvent < firstEvent ? [] : await ring.readEvents([firstEvent, lastEvent]),
    summaries: lastSummary < firstSummary ? [] : await ring.readSummaries([firstSummary, lastSummary]),
  };
}

export type Dump = Awaited<ReturnType<typeof dump>>;

process.on('message', async ({ id, request }: { id: number; request: HostRequest }) => {
  process.send!({ id, value: await answer(request) });
  if (request.op === 'close') process.disconnect();
});
process.send!({ id: 0 });
