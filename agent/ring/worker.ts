import { parentPort, workerData } from 'node:worker_threads';
import type { Range } from '../../core/contract/ranges.js';
import { messageOf } from '../../core/errors.js';
import { type Commit, RingStore } from './store.js';

/** What the worker can be asked; every request is answered once, in order. */
export type RingRequest =
  | { op: 'open' }
  | { op: 'commit'; commit: Commit }
  | { op: 'readings'; range: Range }
  | { op: 'events'; range: Range }
  | { op: 'replay'; seq: number; limit: number }
  | { op: 'span'; range: Range }
  | { op: 'close' };

export interface RingAnswer {
  id: number;
  ok: boolean;
  value?: unknown;
  error?: string;
}

const port = parentPort;
if (!port) throw new Error('agent/ring/worker runs as a worker thread only');

const { file } = workerData as { file: string };
let store: RingStore | undefined;

function answer(request: RingRequest): unknown {
  store ??= new RingStore(file);
  switch (request.op) {
    case 'open':
      return store.open();
    case 'commit':
      return store.commit(request.commit);
    case 'readings':
      return store.readings(request.range);
    case 'events':
      return store.events(request.range);
    case 'replay':
      return store.replay(request.seq, request.limit);
    case 'span':
      return store.span(request.range);
    case 'close':
      return store.close();
  }
}

port.on('message', ({ id, request }: { id: number; request: RingRequest }) => {
  let reply: RingAnswer;
  try {
    reply = { id, ok: true, value: answer(request) };
  } catch (error) {
    reply = { id, ok: false, error: messageOf(error) };
  }
  port.postMessage(reply);
  if (request.op === 'close') port.close();
});
