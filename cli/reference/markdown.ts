import type { Described, Field, Variant } from './fields.js';

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** A table; columns that are empty in every row are left out. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const used = head.map((_, i) => rows.some((row) => row[i] !== ''));
  const line = (cells: readonly string[]) =>
    `| ${cells
      .filter((_, i) => used[i])
      .map(cell)
      .join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const absentOf = ({ absent }: Field) =>
  absent === undefined ? 'needed' : absent === 'none' ? absent : absent ? `\`${absent}\`` : '';

const rowOf = (field: Field) => [`\`${field.path}\``, sentence(field.says), field.value];

/** Descriptions are written as notes; in a table they begin as sentences do. */
export const sentence = (text: string) =>
  /^[a-z]+(-[a-z]+)*([ ,;:](?!\/)|$)/.test(text) ? text[0]!.toUpperCase() + text.slice(1) : text;

/** Of what people write: what holds where they leave something out. */
export const fieldTable = (fields: readonly Field[], name = 'Setting') =>
  table(
    [name, 'What it is', 'Value', 'If absent'],
    fields.map((field) => [...rowOf(field), absentOf(field)]),
  );

/** Of what we write: what a reader may not find. */
export const messageTable = (fields: readonly Field[]) =>
  table(
    ['Field', 'What it is', 'Value', ''],
    fields.map((field) => [...rowOf(field), field.absent === undefined ? '' : 'may be absent']),
  );

export function variantText({ path, by, is, says, fields }: Variant, level: string): string {
  // What is described by itself stands below no path.
  const shape = `${by} \`${is}\``;
  const title = `${level} ${path === '' ? sentence(shape) : `\`${path}\`, ${shape}`}`;
  return [
    title,
    ...(says ? [`${sentence(says)}.`] : []),
    ...(fields.length > 0 ? [fieldTable(fields)] : []),
  ].join('\n\n');
}

const topOf = (path: string) => path.split(/[.[]/)[0]!;

/** A file of settings: what stands alone at its top, then a section for each group. */
export function settings({ fields, variants }: Described, level = '##'): string {
  const tops = [...new Set(fields.map(({ path }) => topOf(path)))];
  const groups = tops.map((top) => ({
    top,
    own: fields.filter(({ path }) => topOf(path) === top),
    shapes: variants.filter(({ path }) => topOf(path) === top),
  }));
  const isAlone = ({ top, own, shapes }: (typeof groups)[number]) =>
    own.every(({ path }) => path === top) && shapes.length === 0;
  const sections = groups
    .filter((group) => !isAlone(group))
    .map(({ top, own, shapes }) =>
      [`${level} \`${top}\``, fieldTable(own), ...shapes.map((one) => variantText(one, `${level}#`))].join(
        '\n\n',
      ),
    );
  return [fieldTable(groups.filter(isAlone).flatMap(({ own }) => own)), ...sections].join('\n\n');
}
