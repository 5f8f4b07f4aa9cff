import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkFile } from '../../agent/site/check.js';
import { deviceConfigs } from '../../agent/site/library.js';

const ROOT = join(deviceConfigs(), '..');
const FOLDERS = ['docs', 'agent', 'relay', 'core', 'device-configs', '.github'];
const README_WORDS_MAX = 500;

const pagesIn = (folder: string) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...FOLDERS.filter((folder) => existsSync(join(ROOT, folder))).flatMap(pagesIn),
];
const textOf = (page: string) => readFileSync(join(ROOT, page), 'utf8');

/** What is code is no heading and no link. */
const prose = (text: string) =>
  text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]#]/g, ' '));

/** As GitHub makes it of a heading. */
const anchorOf = (heading: string) =>
  heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');

function anchorsOf(page: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const [, heading] of textOf(page)
    .replace(/^```[\s\S]*?^```/gm, '')
    .matchAll(/^#{1,6} (.+)$/gm)) {
    const anchor = anchorOf(heading!);
    const again = seen.get(anchor) ?? 0;
    seen.set(anchor, again + 1);
    anchors.add(again === 0 ? anchor : `${anchor}-${again}`);
  }
  return anchors;
}

/** Every link of a page to something of this repository, and where it leads. */
const linksOf = (page: string) =>
  [...prose(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : relative(ROOT, join(ROOT, dirname(page), decodeURI(path)));
      return { link, target, anchor };
    });

const broken = (page: string) =>
  linksOf(page)
    .filter(
      ({ target, anchor }) =>
        !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchorsOf(target).has(anchor)),
    )
    .map(({ link }) => link);

const BASE = `
clinic: { id: kisumu-west, name: Kisumu West, timezone: Africa/Nairobi }
gateway: kisumu-west-1
data: /var/lib/coldwatch
`;
const WATCHED = 'contacts: [{ id: mains, name: Mains, role: mains, line: 17 }]\n';

/** A site file with what a page shows of one. */
const siteOf = (text: string) => BASE + (/^(sensors|contacts):/m.test(text) ? text : WATCHED + text);

/** Every piece of YAML that a page shows: a file of its own, or what stands in a site file. */
const SNIPPETS = PAGES.flatMap((page) =>
  [...textOf(page).matchAll(/^( *)```yaml\n([\s\S]*?)^ *```/gm)].map(([, indent, yaml], i) => {
    const text = yaml!.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    const whole = /^(model|preset|product|data):/m.test(text);
    return { at: `${page} ${i + 1}`, text: whole ? text : siteOf(text) };
  }),
);

const DRIVERS = 'agent/drivers';
const DRIVER_PAGES = readdirSync(join(ROOT, DRIVERS), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(ROOT, DRIVERS, entry.name, 'index.ts')))
  .map(({ name }) => `${DRIVERS}/${name}/README.md`);

/** The first column of tables of what a program says, without what varies. */
const quotesOf = (page: string) =>
  [...textOf(page).matchAll(/^\| It says .*\n\|.*\n((?:\|.*\n)+)/gm)].flatMap(([, rows]) =>
    rows!
      .trim()
      .split('\n')
      .flatMap((row) => row.split('|')[1]!.split(/…|, /))
      .map((quote) => quote.replaceAll('`', '').trim())
      .filter((quote) => quote.length > 2),
  );

const sourcesIn = (folder: string) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /(?<!\.test)\.ts$/.test(name))
    .map((name) => textOf(join(folder, name)));

describe('what people read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'coldwatch-docs-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(PAGES)('%s links to what is there', (page) => {
    expect(broken(page)).toEqual([]);
  });

  it.each(SNIPPETS)('shows YAML that check accepts: $at', ({ text }) => {
    const file = join(folder, 'site.yaml');
    writeFileSync(file, text);
    expect(checkFile(file).problems).toEqual([]);
  });

  it('is two clicks from the first page at the most', () => {
    const next = (pages: readonly string[]) =>
      pages
        .flatMap((page) => linksOf(page).map(({ target }) => target))
        .filter((page) => PAGES.includes(page));
    const once = next(['README.md']);
    const near = new Set(['README.md', ...once, ...next(once)]);
    expect(PAGES.filter((page) => !near.has(page))).toEqual([]);
  });

  it('begins with a page that is short', () => {
    expect(textOf('README.md').split(/\s+/).length).toBeLessThanOrEqual(README_WORDS_MAX);
    expect(SNIPPETS.length).toBeGreaterThan(5);
  });

  it('has a page of each driver that says wiring, site file and faults', () => {
    expect(DRIVER_PAGES.length).toBeGreaterThan(3);
    for (const page of DRIVER_PAGES) expect(PAGES).toContain(page);
    for (const page of DRIVER_PAGES) expect(textOf(page), page).toMatch(/```yaml[\s\S]*It says/);
  });

  it.each(DRIVER_PAGES)('%s quotes what the program says', (page) => {
    const said = ['agent', 'host', 'core'].flatMap(sourcesIn).join('\n');
    const quotes = quotesOf(page);
    expect(quotes.length).toBeGreaterThan(2);
    expect(quotes.filter((quote) => !said.includes(quote))).toEqual([]);
  });
});
