/** The text between `<!-- made: NAME -->` and `<!-- end -->`; people write what stands around it. */
const BLOCK = /(<!-- made: ([\w.-]+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** A page with its made parts as they should be. Throws where a part is missing on either side. */
export function withBlocks(page: string, blocks: ReadonlyMap<string, string>): string {
  const left = new Set(blocks.keys());
  const made = page.replace(BLOCK, (_all, begin: string, name: string, end: string) => {
    const text = blocks.get(name);
    if (text === undefined) throw new RangeError(`nothing makes the part "${name}"`);
    left.delete(name);
    return `${begin}\n${text.trim()}\n\n${end}`;
  });
  if (left.size > 0) throw new RangeError(`no place for ${[...left].join(', ')}`);
  return made;
}
