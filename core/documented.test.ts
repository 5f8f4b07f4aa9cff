import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const CORE = fileURLToPath(new URL('.', import.meta.url));
const FILES = readdirSync(CORE, { recursive: true, encoding: 'utf8' }).filter((name) =>
  /(?<!\.test)\.ts$/.test(name),
);
const EXPORTED = /^export (?:abstract )?(?:type|interface|class) (\w+)/;

it.each(FILES)('%s says of each type that it exports what it is', (name) => {
  const lines = readFileSync(join(CORE, name), 'utf8').split('\n');
  const silent = lines.filter((line, i) => EXPORTED.test(line) && !lines[i - 1]?.endsWith('*/'));
  expect(silent).toEqual([]);
});
