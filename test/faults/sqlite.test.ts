import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const GARBAGE = fileURLToPath(new URL('../../dist/test/world/faults/garbage.js', import.meta.url));
const RUNS = 20;
const AT_A_TIME = 2;

const run = promisify(execFile);

it('this Node and this SQLite binding fit: no abort in twenty programs that end amid garbage', async () => {
  for (let done = 0; done < RUNS; done += AT_A_TIME) {
    const programs = Array.from({ length: AT_A_TIME }, () =>
      // Rejects, with status and signal, where one does not end well.
      run(process.execPath, ['--max-semi-space-size=1', GARBAGE]),
    );
    for (const said of await Promise.all(programs)) expect(said).toEqual({ stdout: '30000', stderr: '' });
  }
});
