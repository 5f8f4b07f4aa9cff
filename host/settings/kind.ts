import { secretsIn } from './secrets.js';
import type { FileProblem, YamlFile } from './yaml.js';

/** A kind of settings file, known by fields that only it has. */
export interface FileKind {
  /** As people call it. */
  kind: string;
  fields: readonly string[];
  check(yaml: YamlFile): FileProblem[];
}

/**
 * Whoever checks a file need not have its secrets: those that are not there, and those that stand in the file itself,
 * are warnings beside `problems`, and what stands in for one is not judged.
 */
export function besideSecrets(yaml: YamlFile, problems: readonly FileProblem[]): FileProblem[] {
  const absent = yaml.withoutSecret.map((problem): FileProblem => ({ ...problem, level: 'warning' }));
  return [
    ...problems.filter(({ path }) => !absent.some((secret) => secret.path === path)),
    ...absent,
    ...secretsIn(yaml.written).map(yaml.locate),
  ];
}
