import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { deviceConfigs } from '../../agent/site/library.js';
import { modelSchema } from '../../agent/site/model.js';
import { presetSchema, productSchema, siteSchema } from '../../agent/site/schema.js';
import { ruleSchema } from '../../core/detect/rules.js';
import { relaySchema } from '../../relay/config/relay.js';
import { alertBlocks, presetsText } from './alerts.js';
import { apiBlocks } from './api.js';
import { withBlocks } from './blocks.js';
import { commandsText } from './commands.js';
import { devicesTable } from './devices.js';
import { ANSWERS, ERROR_CODES } from './errors.js';
import { describe, type Elsewhere } from './fields.js';
import { settings, table } from './markdown.js';
import { metricBlocks } from './metrics.js';
import { relayDoors } from './routes.js';
import { topicBlocks } from './topics.js';

const ELSEWHERE: Elsewhere = new Map<z.core.$ZodType, string>([
  [ruleSchema, 'one of the [kinds of rules](alerts.md#rules)'],
]);

const file = (schema: z.ZodType, level = '##') => settings(describe(schema, ELSEWHERE), level);

function errorBlocks(): Map<string, string> {
  const rows = Object.entries(ERROR_CODES)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(
      ([code, { means, seen, todo }]) =>
        `### ${code}\n\n${means}\n\n- **Seen by:** ${seen}.\n- **What to do:** ${todo}`,
    );
  const answers = Object.entries(ANSWERS).map(([word, { status, means, seen, todo }]) => [
    `\`${word}\``,
    status,
    means,
    seen,
    todo,
  ]);
  return new Map([
    ['codes', rows.join('\n\n')],
    ['answers', table(['`error`', 'Status', 'What it means', 'Who sees it', 'What to do'], answers)],
  ]);
}

const one = (name: string, text: string) => new Map([[name, text]]);

/** What is made of each page of docs/reference: file name → its made parts. */
async function parts(): Promise<Map<string, ReadonlyMap<string, string>>> {
  const { routes, metrics } = await relayDoors();
  return new Map<string, ReadonlyMap<string, string>>([
    ['site.md', one('settings', file(siteSchema))],
    ['relay.md', one('settings', file(relaySchema))],
    ['alerts.md', alertBlocks()],
    ['topics.md', topicBlocks()],
    ['api.md', apiBlocks(routes)],
    ['metrics.md', metricBlocks(metrics)],
    ['cli.md', one('commands', await commandsText())],
    ['errors.md', errorBlocks()],
    [
      'devices.md',
      new Map([
        ['devices', devicesTable()],
        ['presets', presetsText()],
        ['model', file(modelSchema, '###')],
        ['preset', file(presetSchema, '###')],
        ['product', file(productSchema, '###')],
      ]),
    ],
  ]);
}

export const referenceFolder = () => join(deviceConfigs(), '../docs/reference');

/** The pages of docs/reference as they should be: file name → text. */
export async function pages(): Promise<Map<string, string>> {
  const folder = referenceFolder();
  return new Map(
    [...(await parts())].map(([name, blocks]) => {
      try {
        return [name, withBlocks(readFileSync(join(folder, name), 'utf8'), blocks)];
      } catch (error) {
        throw new Error(`docs/reference/${name}: ${(error as Error).message}`);
      }
    }),
  );
}
