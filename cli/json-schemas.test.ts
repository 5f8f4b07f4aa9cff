import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { deviceConfigs } from '../agent/site/library.js';
import { jsonSchemas } from './json-schemas.js';

it.each([...jsonSchemas()])('device-configs/%s is as generated (npm run schemas)', (name, text) => {
  expect(readFileSync(join(deviceConfigs(), name), 'utf8')).toBe(text);
});
