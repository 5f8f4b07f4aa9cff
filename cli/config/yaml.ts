import { readFileSync } from 'node:fs';
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { messageOf } from '../../core/errors.js';
import { formatPath, type Problem, problemsOf } from '../../core/schema.js';

/** A problem and where it stands in its file. */
export interface FileProblem extends Problem {
  file: string;
  line: number;
  column: number;
}

export function formatProblem({ file, line, column, path, got, expected }: FileProblem): string {
  return `${file}:${line}:${column} ${path}: got ${got}, expected ${expected}`;
}

/** A YAML file, parsed, that can say where in the text a path stands. */
export interface YamlFile {
  file: string;
  value: unknown;
  problems: FileProblem[];
  locate(problem: Problem): FileProblem;
}

const CREDENTIAL = /\$\{credential:([A-Za-z0-9_.-]+)\}/g;

/** Reads YAML. `${credential:NAME}` is replaced by what `credential` gives; a missing one is a problem. */
export function readYaml(file: string, credential: (name: string) => string | undefined): YamlFile {
  const counter = new LineCounter();
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const got = absent ? 'no such file' : messageOf(error);
    const problem = {
      file,
      line: 1,
      column: 1,
      path: '(file)',
      got,
      expected: 'a YAML file that can be read',
    };
    return {
      file,
      value: undefined,
      problems: [problem],
      locate: (p) => ({ ...p, file, line: 1, column: 1 }),
    };
  }
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const problems = document.errors.map((error): FileProblem => {
    const { line, col } = counter.linePos(error.pos[0]);
    return {
      file,
      line,
      column: col,
      path: '(syntax)',
      got: error.message.replace(/\n[\s\S]*/, ''),
      expected: 'valid YAML',
    };
  });
  const locate = (problem: Problem): FileProblem => ({
    ...problem,
    file,
    ...position(document, counter, problem.path),
  });
  const value = problems.length > 0 ? undefined : document.toJS();
  const missing: FileProblem[] = [];
  const filled = fillCredentials(value, [], credential, (path, name) => {
    missing.push(
      locate({
        path: formatPath(path),
        got: `no credential ${name}`,
        expected: 'a credential of that name (see README, Secrets)',
      }),
    );
  });
  return { file, value: filled, problems: [...problems, ...missing], locate };
}

/** Validates against a schema: every problem, each with its place in the file. */
export function validate<S extends z.ZodType>(
  schema: S,
  yaml: YamlFile,
): { value: z.output<S>; problems: [] } | { problems: FileProblem[] } {
  if (yaml.problems.length > 0) return { problems: yaml.problems };
  const parsed = schema.safeParse(yaml.value);
  if (parsed.success) return { value: parsed.data, problems: [] };
  return { problems: problemsOf(parsed.error, yaml.value).map(yaml.locate) };
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
    return value.replace(CREDENTIAL, (whole, name: string) => {
      const secret = credential(name);
      if (secret === undefined) onMissing(path, name);
      return secret ?? whole;
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
