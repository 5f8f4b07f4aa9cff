import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { deviceConfigs } from '../agent/site/library.js';
import { modelSchema } from '../agent/site/model.js';
import { presetSchema, productSchema, siteSchema } from '../agent/site/schema.js';
import { relaySchema } from '../relay/config/relay.js';
import { avroSchemas } from '../relay/log/schemas/schemas.js';

/** JSON Schemas for editors, made from the schemas that the programs use: file name → text. */
export function jsonSchemas(): Map<string, string> {
  const schemas = {
    site: siteSchema,
    relay: relaySchema,
    model: modelSchema,
    preset: presetSchema,
    product: productSchema,
  };
  return new Map(
    Object.entries(schemas).map(([name, schema]) => {
      const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
      return [`${name}.schema.json`, `${JSON.stringify(json, null, 2)}\n`];
    }),
  );
}

// `npm run schemas` writes them into device-configs, and those of Kafka’s topics into relay/log/schemas.
if (process.argv[1]?.endsWith('json-schemas.js')) {
  for (const [name, text] of jsonSchemas()) writeFileSync(join(deviceConfigs(), name), text);
  const topics = join(deviceConfigs(), '../relay/log/schemas');
  for (const [topic, schema] of avroSchemas()) {
    writeFileSync(join(topics, `${topic}.avsc`), `${JSON.stringify(schema, null, 2)}\n`);
  }
}
