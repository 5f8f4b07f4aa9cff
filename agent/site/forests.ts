import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { forestSchema } from '../../core/detect/measure/forest.js';
import { messageOf } from '../../core/errors.js';
import { problemsOf } from '../../core/schema.js';
import type { FileProblem, YamlFile } from '../../host/settings/yaml.js';

/** Puts trained models in the place of the paths by which rules name them; says what is wrong with one. */
export function readForests({ file, value }: YamlFile): FileProblem[] {
  return rulesIn(value).flatMap((rule) => {
    if (rule.kind !== 'anomaly' || typeof rule.model !== 'string') return [];
    const path = resolve(dirname(file), rule.model);
    const read = readForest(path);
    if ('problems' in read) return read.problems;
    rule.model = read.forest;
    return [];
  });
}

function readForest(file: string) {
  const at = { file, line: 1, column: 1 };
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const expected = 'a model as "coldwatch train" writes it';
    return { problems: [{ ...at, path: '(file)', got: messageOf(error), expected }] };
  }
  const parsed = forestSchema.safeParse(json);
  if (parsed.success) return { forest: parsed.data };
  return {
    problems: problemsOf(parsed.error, json)
      .slice(0, 20)
      .map((problem) => ({ ...at, ...problem })),
  };
}

/** The rules of a preset, and of each sensor of a site, in whatever state the file is. */
function rulesIn(value: unknown): Record<string, unknown>[] {
  const top = (value ?? {}) as { rules?: unknown; sensors?: unknown };
  const list = (of: unknown) =>
    Array.isArray(of) ? of.filter((x) => x !== null && typeof x === 'object') : [];
  const sensors = list(top.sensors) as { rules?: unknown }[];
  return [...list(top.rules), ...sensors.flatMap((sensor) => list(sensor.rules))] as Record<
    string,
    unknown
  >[];
}
