import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const DEMO = fileURLToPath(new URL('../../dist/test/world/demo/demo.js', import.meta.url));

it('the whole story of the demo is observed', async () => {
  const child = spawn(process.execPath, [DEMO, '--fast']);
  let said = '';
  child.stdout.on('data', (bytes) => {
    said += bytes;
  });
  const status = await new Promise((resolve) => child.on('exit', resolve));
  expect(status, said).toBe(0);
  expect(said).toMatch(/each once/);
});

it.each([['--unit', 'K'], ['--kafka', 'nonsense'], ['--port', '0'], ['--nonsense']])(
  'refuses %s %s with its usage',
  async (...args) => {
    const child = spawn(process.execPath, [DEMO, ...args.filter((arg) => arg !== undefined)]);
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(2);
  },
);
