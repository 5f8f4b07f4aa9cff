import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { jsonSchemas } from './json-schemas.js';
import { deviceConfigs } from './load.js';

it.each([...jsonSchemas()])('device-configs/%s is as generated (npm run schemas)', (name, text) => {
  expect(readFileSync(join(deviceConfigs(), name), 'utf8')).toBe(text);
});
