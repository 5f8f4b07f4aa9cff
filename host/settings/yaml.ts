import { readFileSync, statSync } from 'node:fs';
import {
  type Alias,
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import type { z } from 'zod';
import { messageOf } from '../../core/errors.js';
import { formatPath, type Problem, problemsOf } from '../../core/schema.js';
import { withoutSecrets } from './secrets.js';
import { inWords, type Syntax } from './syntax.js';

/** A problem and where it stands in its file. */
export interface FileProblem extends Problem {
  file: string;
  line: number;
  column: number;
}

export function formatProblem({ file, line, column, path, got, expected, level }: FileProblem): string {
  const kind = level === undefined ? '' : `${level}: `;
  return `${file}:${line}:${column} ${path}: ${kind}got ${got}, expected ${expected}`;
}

export const errorsOf = (problems: readonly FileProblem[]) =>
  problems.filter(({ level }) => level === undefined);

/** A YAML file, parsed, that can say where in the text a path stands. */
export interface YamlFile {
  file: string;
  /** With secrets in the place of their names. */
  value: unknown;
  /** As it was written: with the names. */
  written: unknown;
  problems: FileProblem[];
  /** Secrets that are named and not there: a stand-in is in their place. */
  withoutSecret: FileProblem[];
  locate(problem: Problem): FileProblem;
}

/** Long enough for whatever asks for a length. */
const SECRET_STAND_IN = 'a-secret-that-is-not-here';
const CREDENTIAL = /\$\{credential:([A-Za-z0-9_.-]+)\}/g;

/** Settings are kilobytes; whoever names a video by mistake is told so at once. */
const FILE_BYTES_MAX = 2_000_000;

/** Reads YAML. `${credential:NAME}` is replaced by what `credential` gives; a missing one is a problem. */
export function readYaml(file: string, credential: (name: string) => string | undefined): YamlFile {
  const read = readText(file);
  if ('got' in read) {
    const at = { file, line: 1, column: 1 };
    const problem = { ...at, path: '(file)', got: read.got, expected: 'a YAML file that can be read' };
    return {
      file,
      value: undefined,
      written: undefined,
      problems: [problem],
      withoutSecret: [],
      locate: (p) => ({ ...p, ...at }),
    };
  }
  const counter = new LineCounter();
  const document = parseDocument(read.text, { lineCounter: counter, prettyErrors: false });
  const syntax = (offset: number, what: Syntax): FileProblem => {
    const { line, col } = counter.linePos(offset);
    return { file, line, column: col, path: '(syntax)', ...what };
  };
  // One slip makes the parser stumble several times: what it says first of a line is what is meant.
  const problems = document.errors
    .map(({ pos, message }) => syntax(pos[0], inWords(message)))
    .filter(({ line }, i, all) => all.findIndex((other) => other.line === line) === i);
  const loop = circularAlias(document);
  if (loop) {
    const got = `*${loop.source}, which stands inside itself`;
    problems.push(syntax(loop.range?.[0] ?? 0, { got, expected: 'valid YAML' }));
  }
  const locate = (problem: Problem): FileProblem => ({
    ...problem,
    file,
    ...position(document, counter, problem.path),
  });
  let value: unknown;
  if (problems.length === 0) {
    try {
      value = document.toJS();
    } catch (error) {
      // The library refuses aliases of aliases that would fill the memory.
      problems.push(syntax(0, inWords(messageOf(error))));
    }
  }
  const withoutSecret: FileProblem[] = [];
  const filled = fillCredentials(value, [], credential, (path, name) => {
    withoutSecret.push(
      locate({
        path: formatPath(path),
        got: `no credential ${name}`,
        expected: `a file ${name} in /etc/coldwatch/credentials, or in systemd's credentials folder`,
      }),
    );
  });
  return { file, value: filled, written: value, problems, withoutSecret, locate };
}

function readText(file: string): { text: string } | { got: string } {
  try {
    const { size } = statSync(file);
    if (size > FILE_BYTES_MAX)
      return { got: `${Math.ceil(size / 1e6)} MB, which is no file of settings (at most 2 MB)` };
    const bytes = readFileSync(file);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? { got: 'bytes that are no text' } : { text };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { got: 'no such file' };
    if (code === 'EISDIR') return { got: 'a folder' };
    return {
      got: code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'bytes that are no text' : messageOf(error),
    };
  }
}

/** An alias below the very node that its anchor names: what it stands for would have no end. */
function circularAlias(document: Document): Alias | undefined {
  let found: Alias | undefined;
  visit(document, {
    Alias: (_key, alias, ancestors) => {
      const target = alias.resolve(document);
      if (!ancestors.includes(target as Node)) return undefined;
      found = alias;
      return visit.BREAK;
    },
  });
  return found;
}

export type Loaded<T> = { value: T; problems: [] } | { problems: FileProblem[] };

/** A good file's value, with every secret that it names; or every problem. */
export function load<S extends z.ZodType>(schema: S, yaml: YamlFile): Loaded<z.output<S>> {
  return yaml.withoutSecret.length > 0 ? { problems: yaml.withoutSecret } : validate(schema, yaml);
}

/** Validates against a schema: every problem, each with its place in the file. */
export function validate<S extends z.ZodType>(schema: S, yaml: YamlFile): Loaded<z.output<S>> {
  if (yaml.problems.length > 0) return { problems: yaml.problems };
  const parsed = schema.safeParse(yaml.value);
  const unnamed = unnameable(yaml.value, []);
  if (parsed.success && unnamed.length === 0) return { value: parsed.data, problems: [] };
  const problems = parsed.success ? [] : problemsOf(parsed.error, yaml.value, schema);
  return { problems: [...unnamed, ...withoutSecrets(problems, yaml.written)].map(yaml.locate) };
}

/** What schemas pass over in silence: it names what every object has, and nothing else can have that name. */
const NO_NAME = '__proto__';

function unnameable(value: unknown, path: PropertyKey[]): Problem[] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const here = [...path, Array.isArray(value) ? Number(key) : key];
    const problem = { path: formatPath(here), got: 'a name that every object has', expected: 'another name' };
    return [...(key === NO_NAME ? [problem] : []), ...unnameable(item, here)];
  });
}

/** The place of the deepest part of a path that the text has: a missing field is shown at its parent. */
function position(document: Document, counter: LineCounter, path: string): { line: number; column: number } {
  const parts = path === '(top)' ? [] : path.split(/[.[\]]+/).filter((part) => part !== '');
  let node: unknown = document.contents;
  let offset = 0;
  for (const part of parts) {
    const [key, value] = childOf(node, part);
    if (!isNode(key) && !isNode(value)) break;
    const place = isScalar(value) || !isNode(key) ? value : key;
    offset = (place as { range?: [number, ...unknown[]] }).range?.[0] ?? offset;
    node = value;
  }
  const { line, col } = counter.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function childOf(node: unknown, part: string): [key: unknown, value: unknown] {
  if (isSeq(node)) return [undefined, node.items[Number(part)]];
  if (!isMap(node)) return [undefined, undefined];
  const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === part);
  return [pair?.key, pair?.value];
}

function fillCredentials(
  value: unknown,
  path: PropertyKey[],
  credential: (name: string) => string | undefined,
  onMissing: (path: PropertyKey[], name: string) => void,
): unknown {
  if (typeof value === 'string') {
    return value.replace(CREDENTIAL, (_whole, name: string) => {
      const secret = credential(name);
      if (secret === undefined) onMissing(path, name);
      return secret ?? SECRET_STAND_IN;
    });
  }
  if (Array.isArray(value))
    return value.map((item, i) => fillCredentials(item, [...path, i], credential, onMissing));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      fillCredentials(item, [...path, key], credential, onMissing),
    ]),
  );
}
