import { inventorySchema, saleSchema } from '../../core/contract/sources.js';
import { HISTORY_QUERIES } from '../../relay/archive/routes.js';
import type { Door } from '../../relay/web/guard.js';
import { describe } from './fields.js';
import { fieldTable, table } from './markdown.js';
import type { Route } from './routes.js';

const DOORS: Record<Door, string> = {
  anyone: 'anybody',
  viewer: 'viewers',
  gateway: 'that gateway',
  source: 'that source',
  registry: 'the registry’s user',
};

export function apiBlocks(routes: readonly Route[]): Map<string, string> {
  return new Map([
    ['routes', routesTable(routes)],
    ['history', fieldTable(describe(HISTORY_QUERIES.readings).fields, 'Parameter')],
    ['sale', fieldTable(describe(saleSchema).fields, 'Field')],
    ['inventory', fieldTable(describe(inventorySchema).fields, 'Field')],
  ]);
}

/** Routes that answer the same share a row. */
function routesTable(routes: readonly Route[]): string {
  const rows = new Map<string, { shown: string[]; route: Route }>();
  for (const route of routes) {
    const key = `${route.about} ${route.door}`;
    const row = rows.get(key) ?? { shown: [], route };
    row.shown.push(`\`${route.method} ${route.url}\``);
    rows.set(key, row);
  }
  return table(
    ['Route', 'For', 'What it answers'],
    [...rows.values()].map(({ shown, route }) => [shown.join('<br>'), DOORS[route.door], route.about]),
  );
}
