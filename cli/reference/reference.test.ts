import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deviceConfigs } from '../../agent/site/library.js';
import { modelSchema } from '../../agent/site/model.js';
import { presetSchema, productSchema, siteSchema } from '../../agent/site/schema.js';
import { relaySchema } from '../../relay/config/relay.js';
import { VALUE_SCHEMAS } from '../../relay/log/decode.js';
import { ANSWERS } from './errors.js';
import { describe as described } from './fields.js';
import { pages, referenceFolder } from './pages.js';
import { relayDoors } from './routes.js';

const SCHEMAS = {
  site: siteSchema,
  relay: relaySchema,
  model: modelSchema,
  preset: presetSchema,
  product: productSchema,
  ...VALUE_SCHEMAS,
};

const RELAY = join(deviceConfigs(), '../relay');
const relaySources = () =>
  readdirSync(RELAY, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(?<!\.test)\.ts$/.test(name))
    .map((name) => readFileSync(join(RELAY, name), 'utf8'));

describe('docs/reference', () => {
  it('is as made from schemas, commands, routes and codes (npm run docs)', async () => {
    for (const [name, text] of await pages()) {
      expect(readFileSync(join(referenceFolder(), name), 'utf8'), name).toBe(text);
    }
  });

  it.each(Object.entries(SCHEMAS))('says of each field of %s what it is', (_name, schema) => {
    const { fields, variants } = described(schema);
    const all = [
      ...fields,
      ...variants.flatMap(({ path, is, says, fields: own }) => [
        { path: `${path} ${is}`, says },
        ...own.map((field) => ({ path: `${path}.${field.path}`, says: field.says })),
      ]),
    ];
    expect(all.filter(({ says }) => says === '').map(({ path }) => path)).toEqual([]);
  });

  it('says of each route of the relay what it answers', async () => {
    const { routes } = await relayDoors();
    expect(routes.length).toBeGreaterThan(20);
    expect(routes.filter(({ about }) => about === '').map(({ url }) => url)).toEqual([]);
  });

  it('explains each word of an error that the relay answers with', () => {
    const words = relaySources().flatMap((text) =>
      [...text.matchAll(/\berror: '([a-z]+)'/g), ...text.matchAll(/\? '(busy)' : '(invalid)'/g)].flatMap(
        ([, ...found]) => found,
      ),
    );
    expect([...new Set(words)].sort()).toEqual(Object.keys(ANSWERS).sort());
  });
});
