import type { KafkaConfig } from '../log/kafka/schema.js';
import type { Regions } from './schema.js';

const sql = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** What scripts/services puts into tables.sql, out of the relay's own file: nothing is written down twice. */
export function flinkEnv({
  sources,
  regions,
  kafka,
}: {
  sources?: { reorder: Readonly<Record<string, number>> } | undefined;
  regions: Regions;
  kafka?: KafkaConfig | undefined;
}): Record<string, string> {
  const reorder = Object.entries(sources?.reorder ?? {}).map(([sku, level]) => `(${sql(sku)}, ${level})`);
  const places = Object.entries(regions).flatMap(([region, { clinics }]) =>
    clinics.map((clinic) => `(${sql(clinic)}, ${sql(region)}, ${clinics.length})`),
  );
  const { url, username, password } = kafka?.registry ?? {};
  const prefix = kafka?.topic_prefix ?? '';
  return {
    ...(reorder.length > 0 ? { REORDER: reorder.join(', ') } : {}),
    ...(places.length > 0 ? { REGIONS: places.join(', ') } : {}),
    ...(prefix === '' ? {} : { TOPIC_PREFIX: prefix }),
    ...(url === undefined ? {} : { REGISTRY: url }),
    ...(username === undefined ? {} : { REGISTRY_AUTH: `${username}:${password ?? ''}` }),
  };
}
