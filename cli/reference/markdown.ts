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

const absentOf = ({ absent }: Field) => (absent === undefined ? 'needed' : absent ? `\`${absent}\`` : '');

const rowOf = (field: Field) => [`\`${field.path}\``, sentence(field.says), field.value];

/** Descriptions are written as notes; in a table they begin as sentences do. */
export const sentence = (text: string) =>
  /^[a-z]+([ ,;:](?!\/)|$)/.test(text) ? text[0]!.toUpperCase() + text.slice(1) : text;

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
  const title = `${level} \`${path}\`, ${by} \`${is}\``;
  return [title, ...(says ? [`${sentence(says)}.`] : []), fieldTable(fields)].join('\n\n');
}

/** A file of settings: what stands alone at its top, then a section for each group. */
export function settings({ fields, variants }: Described): string {
  const groups = new Map<string, Field[]>();
  const topOf = (path: string) => path.split(/[.[]/)[0]!;
  for (const field of fields)
    groups.set(topOf(field.path), [...(groups.get(topOf(field.path)) ?? []), field]);
  const alone = [...groups].filter(([top, [first, ...more]]) => more.length === 0 && first!.path === top);
  const sections = [...groups]
    .filter(([top]) => !alone.some(([name]) => name === top))
    .map(([top, own]) =>
      [
        `## \`${top}\``,
        fieldTable(own),
        ...variants.filter(({ path }) => topOf(path) === top).map((one) => variantText(one, '###')),
      ].join('\n\n'),
    );
  return [fieldTable(alone.flatMap(([, own]) => own)), ...sections].join('\n\n');
}
