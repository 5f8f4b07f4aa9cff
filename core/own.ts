/**
 * What a record has under a name that came from outside. A plain object also answers to what every object inherits
 * (`constructor`), and so never says who is known.
 */
export function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
