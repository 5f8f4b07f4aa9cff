import { VALUE_SCHEMAS } from '../../relay/log/decode.js';
import { describe } from './fields.js';
import { messageTable } from './markdown.js';

/** The fields of each topic’s values; topics that hold the same say whose. */
export function topicBlocks(): Map<string, string> {
  const first = new Map<unknown, string>();
  return new Map(
    Object.entries(VALUE_SCHEMAS).map(([topic, schema]) => {
      const same = first.get(schema);
      if (same !== undefined) return [topic, `The same fields as [${same}](#${same.replaceAll('.', '')}).`];
      first.set(schema, topic);
      return [topic, messageTable(describe(schema).fields)];
    }),
  );
}
