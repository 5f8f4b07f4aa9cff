import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const GARBAGE = fileURLToPath(new URL('../../dist/test/world/faults/garbage.js', import.meta.url));
const RUNS = 20;

it('this Node and this SQLite binding fit: no abort in twenty programs that end amid garbage', () => {
  for (let run = 0; run < RUNS; run++) {
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [
      '--max-semi-space-size=1',
      GARBAGE,
    ]);
    expect({ run, status, signal, said: String(stdout), stderr: String(stderr) }).toEqual({
      run,
      status: 0,
      signal: null,
      said: '30000',
      stderr: '',
    });
  }
});
