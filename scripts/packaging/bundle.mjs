// bundle.mjs PROGRAM ARCH FOLDER: what one program's package holds of ours and of npm's, into FOLDER.
//   dist/cli/      our code with the packages that it uses, in a few files: a slow card opens dozens, not hundreds
//   node_modules/  packages that are native, or that find files of their own at run time
//   sbom.json      CycloneDX: every package in there, with its licence; licences/ has their texts
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const [program, arch, folder] = process.argv.slice(2);

/** Commands of the other program's package, and where they stand: each is answered with where it is to be had. */
const ELSEWHERE = {
  agent: { relay: 'relay/cli/relay' },
  relay: {
    agent: 'agent/cli/agent',
    discover: 'agent/cli/discover',
    doctor: 'agent/cli/doctor',
    decode: 'agent/cli/decode',
    backtest: 'lab/backtest/command',
    train: 'lab/train/command',
    import: 'lab/fridge-tag/command',
  },
};
/** Not bundled: native code, and code that is changed or looked up by its place. */
const WHOLE = {
  agent: ['better-sqlite3', '@serialport/bindings-cpp', 'epoll'],
  relay: ['better-sqlite3', 'kafkajs', '@kafkajs/confluent-schema-registry', 'pg', 'uplot'],
};
/** Of whole packages, what only a compiler or a reader wants. */
const NOT_SHIPPED =
  /^(deps|src|test|tests|example|examples|docs|build|binding\.gyp|.*\.(md|map|ts|mts|cts|c|cc|cpp|h|hpp))$/;
const BUILD_ONLY = new Set(['node-addon-api', 'nan', 'prebuild-install']);

const packages = new Map();

function packageOf(id) {
  const at = id.lastIndexOf(`node_modules${sep}`);
  if (at < 0) return undefined;
  const parts = id.slice(at + 'node_modules/'.length).split(sep);
  const name = parts[0].startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
  return join(id.slice(0, at), 'node_modules', name);
}

function note(path) {
  if (packages.has(path)) return;
  packages.set(path, JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')));
}

const elsewhere = {
  name: 'commands-of-the-other-package',
  load(id) {
    const commands = Object.entries(ELSEWHERE[program]);
    const [name] = commands.find(([, file]) => id === join(ROOT, 'dist', `${file}.js`)) ?? [];
    if (!name) return null;
    const other = program === 'agent' ? 'relay' : 'agent';
    return `import { Command } from 'commander';
      export const ${name}Command = () => new Command(${JSON.stringify(name)})
        .description('in the package coldwatch-${other}')
        .allowUnknownOption().allowExcessArguments().helpOption(false)
        .action(() => {
          process.stderr.write('coldwatch: "${name}" is in the package coldwatch-${other}, which is not installed here\\n');
          process.exitCode = 2;
        });`;
  },
};

const external = WHOLE[program].map((name) => new RegExp(`^${name.replace('/', '\\/')}(\\/.*)?$`));
const bundle = await rolldown({
  cwd: ROOT,
  platform: 'node',
  input: {
    main: 'dist/cli/main.js',
    ...(program === 'agent' ? { worker: 'dist/agent/ring/worker.js' } : {}),
  },
  external,
  plugins: [elsewhere],
});
const { output } = await bundle.write({
  dir: join(folder, 'dist/cli'),
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
  minify: { compress: true, mangle: false, codegen: true },
});
for (const chunk of output)
  for (const id of chunk.moduleIds ?? []) {
    const path = packageOf(id);
    if (path) note(path);
  }

/** Where `name` is found from the package at `from`, as Node looks for it. */
function resolve(name, from) {
  for (let at = from; at.startsWith(ROOT); at = dirname(at)) {
    const path = join(at, 'node_modules', name);
    if (existsSync(join(path, 'package.json'))) return path;
  }
  return undefined;
}

function ship(path) {
  if (packages.get(path)?.shipped) return;
  note(path);
  packages.get(path).shipped = true;
  const target = join(folder, relative(ROOT, path));
  cpSync(path, target, {
    recursive: true,
    filter: (from) => {
      const inside = relative(path, from);
      const name = inside.split(sep).at(-1);
      if (inside === '' || /^licen[cs]e/i.test(name)) return true;
      if (inside.split(sep).includes('node_modules')) return false;
      // kafkajs and its like keep their code in src.
      const code = name === 'src' && !existsSync(join(path, 'binding.gyp'));
      return code || !NOT_SHIPPED.test(name);
    },
  });
  const { dependencies = {}, optionalDependencies = {} } = packages.get(path);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const found = BUILD_ONLY.has(name) ? undefined : resolve(name, path);
    if (found) ship(found);
  }
}
for (const name of WHOLE[program]) ship(join(ROOT, 'node_modules', name));

/** Compiled code for other machines. */
function prune(at) {
  for (const entry of readdirSync(at)) {
    const path = join(at, entry);
    if (statSync(path).isDirectory()) {
      if (dirname(path).endsWith('prebuilds') && entry !== `linux-${arch}`) rmSync(path, { recursive: true });
      else prune(path);
    } else if (entry.endsWith('.node')) {
      const own = entry === `linux-${arch}.node` || path.includes(`linux-${arch}${sep}`);
      if (!own || entry.includes('musl')) rmSync(path);
    }
  }
}
prune(join(folder, 'node_modules'));

// Where the bundle looks for it (relay/dashboard/routes.ts).
if (program === 'relay')
  cpSync(join(ROOT, 'relay/dashboard/page'), join(folder, 'cli/page'), { recursive: true });

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
writeFileSync(
  join(folder, 'package.json'),
  `${JSON.stringify({ name: `coldwatch-${program}`, version, type: 'module', engines: { node: '>=22' } })}\n`,
);

/** The one package that names none in its package.json has the text of one beside it. */
function licenceOf(path, { license }) {
  if (typeof license === 'string') return license;
  const file = licenceFile(path);
  const text = file ? readFileSync(join(path, file), 'utf8') : '';
  return /^\s*(The )?MIT License/i.test(text) ? 'MIT' : 'NOASSERTION';
}
const licenceFile = (path) => readdirSync(path).find((name) => /^(licen[cs]e|copying)/i.test(name));
const sorted = [...packages].sort(([a], [b]) => (a < b ? -1 : 1));
const sbom = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  metadata: { component: { type: 'application', name: `coldwatch-${program}`, version } },
  components: [
    {
      type: 'application',
      name: 'node',
      version: process.env.NODE_OWN,
      licenses: [{ license: { id: 'MIT' } }],
    },
    ...sorted.map(([path, own]) => ({
      type: 'library',
      name: own.name,
      version: own.version,
      purl: `pkg:npm/${own.name.replace('@', '%40')}@${own.version}`,
      licenses: [{ expression: licenceOf(path, own) }],
    })),
  ],
};
writeFileSync(join(folder, 'sbom.json'), `${JSON.stringify(sbom, null, 1)}\n`);
mkdirSync(join(folder, 'licences'), { recursive: true });
for (const [path, own] of sorted) {
  const text = licenceFile(path);
  if (text) cpSync(join(path, text), join(folder, 'licences', own.name.replace('/', '__')));
}
