import { z } from 'zod';
import { epochMs } from '../../core/contract/time.js';
import { DAY, HOUR, MINUTE } from '../../core/durations.js';
import { duration, milli } from '../../core/schema.js';

/** One setting or field, as a table shows it. */
export interface Field {
  /** Dotted, from the schema’s top; `[]` for each of a list, `.NAME` for each of a map. */
  path: string;
  /** What it is; empty where the schema does not say. */
  says: string;
  /** What may stand there: kind, bounds, unit. */
  value: string;
  /** As a person writes it; undefined: must be given; null: may be absent. */
  absent: string | null | undefined;
}

/** One of several shapes that may stand at a place: `source` of kind `w1`. */
export interface Variant {
  path: string;
  /** The field that tells them apart, and its value here. */
  by: string;
  is: string;
  says: string;
  fields: Field[];
}

export interface Described {
  fields: Field[];
  variants: Variant[];
}

type Schema = z.core.$ZodType;
type Def = z.core.$ZodTypes['_zod']['def'];

/** The shapes that other pages show, with the words that stand in their place. */
export type Elsewhere = ReadonlyMap<Schema, string>;

const defOf = (schema: Schema) => schema._zod.def as Def;
const saysOf = (schema: Schema) => (schema as z.ZodType).description ?? '';

/** Without what only says that it may be absent: the schema below, its words, and what holds without it. */
function peel(schema: Schema, absent: Field['absent'], says: string): [Schema, Field['absent'], string] {
  const def = defOf(schema);
  const own = says || saysOf(schema);
  if (def.type === 'optional') return peel(def.innerType, absent ?? null, own);
  if (def.type === 'default' || def.type === 'prefault') {
    const inner = def.innerType;
    return peel(inner, shown(bottom(inner), def.defaultValue), own);
  }
  if (def.type === 'catch' || def.type === 'readonly') return peel(def.innerType, absent, own);
  // A value that is read into another: what is left out is left out before that.
  if (def.type === 'pipe' && defOf(def.in).type === 'default')
    return [schema, peel(def.in, absent, own)[1], own];
  return [schema, absent, own];
}

const bottom = (schema: Schema): Schema => {
  const def = defOf(schema);
  return 'innerType' in def ? bottom(def.innerType) : schema;
};

const isLike = (schema: Schema, model: Schema): boolean => {
  const [a, b] = [defOf(schema), defOf(model)];
  return a.type === 'pipe' && b.type === 'pipe' && a.out === b.out;
};

const isTime = (schema: Schema) =>
  (schema as z.ZodType).meta?.()?.logicalType === epochMs.meta()?.logicalType;

/** A default as it would be written in a file. */
function shown(schema: Schema, value: unknown): string {
  if (isLike(schema, duration)) return span(value as number);
  if (isLike(schema, milli)) return String((value as number) / 1000);
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(String).join(', ');
  if (typeof value === 'object' && value !== null)
    return Object.keys(value).length === 0 ? '' : JSON.stringify(value);
  return value === '\n' ? 'a line feed' : String(value);
}

const UNITS = { d: DAY, h: HOUR, m: MINUTE, s: 1000 };

/** In its largest unit that is whole, and of which there are two at least. */
function span(ms: number): string {
  const unit = Object.entries(UNITS).find(([, each]) => ms % each === 0 && ms >= 2 * each);
  if (unit) return `${ms / unit[1]}${unit[0]}`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** Every field below a schema of an object, in its order. */
export function describe(schema: Schema, elsewhere: Elsewhere = new Map()): Described {
  const out: Described = { fields: [], variants: [] };
  walk(schema, '', undefined, '', out, elsewhere);
  return out;
}

function walk(
  given: Schema,
  path: string,
  before: Field['absent'],
  words: string,
  out: Described,
  elsewhere: Elsewhere,
): void {
  const [schema, absent, says] = peel(given, before, words);
  const def = defOf(schema);
  const go = (inner: Schema, at: string, isAbsent?: Field['absent']) =>
    walk(inner, at, isAbsent, '', out, elsewhere);
  if (def.type === 'object') {
    if (path && (says || absent === null)) out.fields.push({ path, says, value: 'the fields below', absent });
    for (const [name, inner] of Object.entries(def.shape as Record<string, Schema>))
      go(inner, path ? `${path}.${name}` : name);
    return;
  }
  if (def.type === 'array' && elsewhere.has(def.element)) {
    const value = `list${bounds(schema, 'of', '')}: ${elsewhere.get(def.element)}`;
    return void out.fields.push({ path, says, value, absent });
  }
  if (def.type === 'array' && hasFields(def.element)) {
    out.fields.push({ path, says, value: `a list${bounds(schema, 'of', '')}`, absent });
    const [element] = peel(def.element, undefined, '');
    return go(element, `${path}[]`);
  }
  if (def.type === 'record' && hasFields(def.valueType)) {
    out.fields.push({ path, says, value: 'a map by name', absent });
    return go(def.valueType, `${path}.NAME`);
  }
  if (def.type === 'union' && 'discriminator' in def) {
    const by = String(def.discriminator);
    if (!path.endsWith('[]'))
      out.fields.push({ path, says, value: `one of the shapes below, by \`${by}\``, absent });
    for (const option of def.options) out.variants.push(variant(option, path, by, elsewhere));
    return;
  }
  if (def.type === 'pipe' && hasFields(def.in)) return go(def.in, path, absent);
  out.fields.push({ path, says, value: kindOf(schema), absent });
}

function variant(schema: Schema, path: string, by: string, elsewhere: Elsewhere): Variant {
  const { fields } = describe(schema, elsewhere);
  const own = fields.find((field) => field.path === by);
  return {
    path,
    by,
    is: own?.value.replaceAll('`', '') ?? '',
    says: saysOf(schema),
    fields: fields.filter((field) => field !== own),
  };
}

function hasFields(schema: Schema): boolean {
  const def = defOf(bottom(schema));
  if (def.type === 'pipe') return hasFields(def.in);
  return def.type === 'object' || (def.type === 'union' && 'discriminator' in def);
}

/** What may stand there, in words. */
function kindOf(schema: Schema): string {
  const def = defOf(schema);
  if (isLike(schema, duration)) return 'duration';
  if (isLike(schema, milli)) return 'number';
  if (isTime(schema)) return `ms since 1970${bounds(schema, '', '')}`;
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'readonly':
      return kindOf(def.innerType);
    case 'nullable':
      return `${kindOf(def.innerType)} or null`;
    case 'pipe':
      return kindOf(def.in);
    case 'boolean':
      return '`true` or `false`';
    case 'literal':
      return def.values.map((value) => `\`${String(value)}\``).join(', ');
    case 'enum':
      return Object.values(def.entries)
        .map((value) => `\`${value}\``)
        .join(', ');
    case 'union':
      return def.options.map(kindOf).join(' or ');
    case 'array':
      return `list${bounds(schema, 'of', '')}: ${kindOf(def.element)}`;
    case 'tuple':
      return `[${def.items.map((item) => kindOf(item)).join(', ')}]`;
    case 'record':
      return `map: ${kindOf(def.keyType)} → ${kindOf(def.valueType)}`;
    case 'object':
      return `{ ${Object.entries(def.shape as Record<string, Schema>)
        .map(([name, inner]) => `${name}: ${kindOf(inner)}`)
        .join(', ')} }`;
    case 'number':
      return `${isWhole(schema) ? 'whole number' : 'number'}${bounds(schema, '', '')}`;
    case 'string':
      return textOf(schema);
    default:
      return 'any';
  }
}

const json = (schema: Schema) =>
  z.toJSONSchema(schema as z.ZodType, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;

const isWhole = (schema: Schema) => json(schema).type === 'integer';

/** 2^53: what a whole number without bounds of its own may be. */
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

function bounds(schema: Schema, lead: string, unit: string): string {
  const { minimum, maximum, minItems, maxItems, exclusiveMinimum } = json(schema) as Record<
    string,
    number | undefined
  >;
  const least = minimum ?? minItems;
  const most = maximum ?? maxItems;
  const from = least === undefined || least <= -UNBOUNDED ? undefined : least;
  const to = most === undefined || most >= UNBOUNDED ? undefined : most;
  const lead_ = lead ? ` ${lead}` : ',';
  if (exclusiveMinimum !== undefined) return `${lead_} above ${exclusiveMinimum}${unit}`;
  if (from !== undefined && to !== undefined) return `${lead_} ${group(from)} to ${group(to)}${unit}`;
  if (from !== undefined && from > 0) return `${lead_} at least ${group(from)}${unit}`;
  if (to !== undefined) return `${lead_} up to ${group(to)}${unit}`;
  return from === 0 && !lead ? ', not below 0' : '';
}

const group = (n: number) => (Math.abs(n) >= 10_000 ? n.toLocaleString('en') : String(n));

const FORMATS: Record<string, string> = {
  'date-time': 'time such as `2027-05-01T06:00:00Z`',
  date: 'date such as `2027-05-01`',
  uri: 'address',
};

function textOf(schema: Schema): string {
  const { format, minLength, maxLength, pattern, allOf } = json(schema) as Record<string, string> & {
    allOf?: { pattern?: string }[];
  };
  if (format && FORMATS[format]) return FORMATS[format];
  const patterns = pattern === undefined ? (allOf ?? []).map((one) => one.pattern) : [pattern];
  if (patterns.includes(ID)) return 'id: `a-z`, `0-9`, `-`, `_`, up to 63';
  const [least, most] = [Number(minLength ?? 0), Number(maxLength ?? Number.POSITIVE_INFINITY)];
  if (Number.isFinite(most)) return `text, up to ${most} characters`;
  return least > 1 ? `text, at least ${least} characters` : 'text';
}

const ID = '^[a-z0-9][a-z0-9_-]{0,62}$';
