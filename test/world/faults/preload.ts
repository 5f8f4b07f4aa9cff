import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { need } from '../run/services.js';

/** Compiles test/world/faults/NAME.c into a library for LD_PRELOAD, once a process. */
export function preload(name: 'disk' | 'clock'): string {
  const folder = join(tmpdir(), `coldwatch-preload-${process.pid}`);
  const library = join(folder, `${name}.so`);
  if (existsSync(library)) return library;
  need('cc', 'apt-get install build-essential');
  mkdirSync(folder, { recursive: true });
  const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url)).replace('/dist/test/', '/test/');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', `${library}.new`, source, '-ldl']);
  renameSync(`${library}.new`, library);
  return library;
}
