import avsc from 'avsc';
import { z } from 'zod';
import { messageOf } from '../../core/errors.js';
import { parseJson } from '../../core/payload.js';

/** One version of a subject, as it stands in the log. */
export const registeredSchema = z.strictObject({
  /** Of the schema: two subjects with the same schema have the same. */
  id: z.int().min(1),
  subject: z.string().min(1).max(249),
  version: z.int().min(1),
  /** Avro, as it was given. */
  schema: z.string().min(1).max(200_000),
});
export type Registered = z.output<typeof registeredSchema>;

/** Of all subjects together. */
const SCHEMAS_MAX = 10_000;

export const INCOMPATIBLE = 409;

/** As Confluent's registry numbers them. */
export class RegistryError extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Subjects and their versions: what was registered stays. */
export class SchemaBook {
  readonly #subjects = new Map<string, Registered[]>();
  readonly #byId = new Map<number, Registered>();
  readonly #byText = new Map<string, number>();
  #count = 0;

  /** Something that the log has; the same again changes nothing. */
  take(entry: Registered): void {
    const versions = this.#subjects.get(entry.subject) ?? [];
    if (versions.some(({ version }) => version === entry.version)) return;
    this.#subjects.set(
      entry.subject,
      [...versions, entry].sort((a, b) => a.version - b.version),
    );
    this.#count += 1;
    if (!this.#byId.has(entry.id)) this.#byId.set(entry.id, entry);
    const text = canonical(entry.schema);
    if (!this.#byText.has(text)) this.#byText.set(text, entry.id);
  }

  get count(): number {
    return this.#count;
  }

  subjects(): string[] {
    return [...this.#subjects.keys()];
  }

  schema(id: number): string {
    const found = this.#byId.get(id);
    if (!found) throw new RegistryError(404, 40403, `no schema has the id ${id}`);
    return found.schema;
  }

  versions(subject: string): readonly Registered[] {
    const versions = this.#subjects.get(subject);
    if (!versions) throw new RegistryError(404, 40401, `no subject is called ${JSON.stringify(subject)}`);
    return versions;
  }

  version(subject: string, which: string): Registered {
    const versions = this.versions(subject);
    const found =
      which === 'latest' || which === '-1'
        ? versions.at(-1)
        : versions.find(({ version }) => String(version) === which);
    if (!found)
      throw new RegistryError(
        404,
        40402,
        `${subject} has the versions 1 to ${versions.length}, not ${which}`,
      );
    return found;
  }

  /** The entry of a schema that this subject has, however it is spelled. */
  find(subject: string, schema: string): Registered | undefined {
    const text = canonical(schema);
    return this.#subjects.get(subject)?.find((entry) => canonical(entry.schema) === text);
  }

  /** Why a reader with this schema could not read what the version before was written with; empty when it can. */
  problems(schema: string, against: Registered | undefined): string[] {
    const reader = parse(schema);
    if (!against) return [];
    try {
      reader.createResolver(parse(against.schema));
      return [];
    } catch (error) {
      return [messageOf(error)];
    }
  }

  /** The entry that a schema gets: the one it has, or the next. Rejects what could not read its predecessor. */
  register(subject: string, schema: string): Registered {
    const before = this.find(subject, schema);
    if (before) return before;
    const latest = this.#subjects.get(subject)?.at(-1);
    const problems = this.problems(schema, latest);
    if (problems.length > 0)
      throw new RegistryError(
        INCOMPATIBLE,
        INCOMPATIBLE,
        `not backward compatible with version ${latest!.version}: ${problems[0]}`,
      );
    if (this.#count >= SCHEMAS_MAX)
      throw new RegistryError(422, 42201, `expected at most ${SCHEMAS_MAX} schemas`);
    const id = this.#byText.get(canonical(schema)) ?? Math.max(0, ...this.#byId.keys()) + 1;
    const parsed = registeredSchema.safeParse({ id, subject, version: (latest?.version ?? 0) + 1, schema });
    if (!parsed.success)
      throw new RegistryError(
        422,
        42201,
        'expected a subject of 1 to 249 characters and 1 to 200,000 of Avro',
      );
    return parsed.data;
  }
}

function parse(schema: string): avsc.Type {
  try {
    return avsc.Type.forSchema(parseJson(schema) as avsc.Schema);
  } catch (error) {
    throw new RegistryError(422, 42201, `invalid Avro schema: ${messageOf(error)}`);
  }
}

/** Spaces and the order of attributes are not the schema. */
function canonical(schema: string): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, of]) => [key, sorted(of)]));
  };
  parse(schema);
  return JSON.stringify(sorted(parseJson(schema)));
}
