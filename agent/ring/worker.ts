import { existsSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { Range } from '../../core/contract/ranges.js';
import type { AllowedRange } from '../../core/detect/allowed.js';
import { messageOf } from '../../core/errors.js';
import { markDamaged, readMark, type Split } from './aside.js';
import { isClash, keepBeside } from './clash.js';
import { moveToCard, probeCard } from './move.js';
import { IN_MEMORY, openOrFollow, openSalvaged } from './recover.js';
import { RingFiles } from './removed.js';
import { salvage } from './salvage.js';
import type { Commit, Opened, RingStore } from './store.js';
import { isDamage, type Span } from './tables.js';

/** What the worker can be asked; every request is answered once, in order. */
export type RingRequest =
  | { op: 'open' }
  /** In a worker of its own, whose file is one put aside: gives the salvage file. */
  | { op: 'salvage' }
  | { op: 'commit'; commit: Commit }
  | { op: 'readings' | 'events' | 'summaries'; range: Range }
  | { op: 'replay'; seq: number; limit: number }
  | { op: 'wholeSlots'; range: Range }
  | { op: 'times'; stream: 'readings' | 'summaries'; range: Range }
  /** Rows are missing without an error of SQLite's: damage all the same. */
  | { op: 'damaged'; what: string }
  /** Rows from these seqs on carry numbers that were given out before. */
  | { op: 'renumber'; split: Split }
  /** Whether a ring could be kept there; and if so, for one in memory, to go there. */
  | { op: 'probe' | 'move'; file: string }
  | { op: 'close' };

export type OpenAnswer = Opened & {
  /** There was no file: this ring was made just now. */
  fresh: boolean;
};

export interface RingAnswer {
  id: number;
  ok: boolean;
  value?: unknown;
  error?: string;
  /** The file itself is damaged: only a new start, which salvages it, can help. */
  damaged?: boolean;
  /** The files had been removed, and are there again. */
  restored?: boolean;
}

export interface RingWorkerData {
  file: string;
  /** Rows of an other epoch, only to be forwarded. */
  finished?: boolean;
  limits: ReadonlyMap<string, AllowedRange>;
}

const port = parentPort;
if (!port) throw new Error('agent/ring/worker runs as a worker thread only');

const { file, limits, finished } = workerData as RingWorkerData;
let store: RingStore | undefined;
let files: RingFiles | undefined;

function open(): OpenAnswer {
  const fresh = !existsSync(file) && !readMark(file);
  store = finished ? openSalvaged(file, limits) : openOrFollow(file, limits);
  if (file !== IN_MEMORY) files = new RingFiles(file);
  return { ...store.open(), fresh };
}

/** True when they had been removed. */
function keepFiles(): boolean {
  if (!store || !files?.removed) return false;
  store = files.putBack(store, limits);
  files = new RingFiles(file);
  return true;
}

function answer(request: RingRequest): unknown {
  if (request.op === 'open') return open();
  if (request.op === 'salvage') return salvage(file);
  if (request.op === 'close') return store?.close();
  if (!store) throw new Error('the ring is not open');
  switch (request.op) {
    case 'commit':
      return commit(store, request.commit);
    case 'readings':
      return store.readings(request.range);
    case 'events':
      return store.events(request.range);
    case 'summaries':
      return store.summaries(request.range);
    case 'replay':
      return store.replay(request.seq, request.limit);
    case 'wholeSlots':
      return store.wholeSlots(request.range);
    case 'times':
      return store.times(request.stream, request.range);
    case 'damaged':
      throw Object.assign(new Error(request.what), { code: 'SQLITE_CORRUPT' });
    case 'renumber':
      return markDamaged(file, {
        why: 'it was an older copy of itself, put back in its place',
        split: request.split,
      });
    case 'probe':
      return probeCard(request.file);
    case 'move':
      return moveToCard(store, request.file);
  }
}

function commit(open: RingStore, group: Commit): Span {
  try {
    return open.commit(group);
  } catch (error) {
    if (isClash(error) && file !== IN_MEMORY) {
      keepBeside(open, group, file, messageOf(error));
      // Nothing more is written: the same rows would be kept twice.
      open.close();
      store = undefined;
    }
    throw error;
  }
}

/** What concerns other files than the ring's own. */
const ELSEWHERE: ReadonlySet<RingRequest['op']> = new Set(['open', 'salvage', 'probe', 'move']);

/** SQLite calls a page damaged that the card does not give. A card that takes no note either is dead, not damaged. */
function noted(why: string): boolean {
  try {
    if (file !== IN_MEMORY) markDamaged(file, { why });
    return file !== IN_MEMORY;
  } catch {
    return false;
  }
}

port.on('message', ({ id, request }: { id: number; request: RingRequest }) => {
  let reply: RingAnswer;
  try {
    const restored = request.op === 'commit' && keepFiles();
    reply = { id, ok: true, value: answer(request), restored };
  } catch (error) {
    const damaged =
      (isDamage(error) || isClash(error)) && !ELSEWHERE.has(request.op) && noted(messageOf(error));
    reply = { id, ok: false, error: messageOf(error), damaged };
  }
  port.postMessage(reply, reply.value instanceof Float64Array ? [reply.value.buffer as ArrayBuffer] : []);
  if (request.op === 'close') port.close();
});
