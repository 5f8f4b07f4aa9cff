import { parentPort, workerData } from 'node:worker_threads';
import { ColdwatchError, type ErrorCode, messageOf } from '../../../core/errors.js';
import type { WholePage } from '../page.js';
import { ArchiveFile } from './database.js';

export type ArchiveMethod = Exclude<keyof ArchiveFile, symbol>;
export interface ArchiveCall {
  id: number;
  method: ArchiveMethod;
  args: unknown[];
}
export type ArchiveAnswer =
  | { id: number; value: unknown }
  | { id: number; error: { code: ErrorCode | undefined; message: string } };

const port = parentPort!;
let file: ArchiveFile | undefined;

function answer({ id, method, args }: ArchiveCall): ArchiveAnswer {
  try {
    file ??= new ArchiveFile((workerData as { folder: string }).folder);
    const value = (file[method] as (...args: unknown[]) => unknown).apply(file, args);
    return { id, value };
  } catch (error) {
    const code = error instanceof ColdwatchError ? error.code : undefined;
    return { id, error: { code, message: messageOf(error) } };
  }
}

port.on('message', (call: ArchiveCall) => {
  const reply = answer(call);
  // A page goes over as it is, not copied.
  const page = 'value' in reply && call.method === 'page' ? (reply.value as WholePage) : undefined;
  port.postMessage(reply, page ? [page.rows.buffer as ArrayBuffer] : []);
  if (call.method === 'close') port.close();
});
