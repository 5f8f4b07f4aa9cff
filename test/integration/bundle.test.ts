import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tempFolder } from '../world/run/services.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const arch = process.arch;

/** What scripts/package puts into a package, without Node.js and without what is compiled for it. */
function bundled(program: 'agent' | 'relay') {
  const folder = tempFolder(`bundle-${program}`);
  execFileSync(process.execPath, ['scripts/packaging/bundle.mjs', program, arch, folder.path], { cwd: ROOT });
  const epoll = 'node_modules/epoll/build/Release/epoll.node';
  if (program === 'agent') cpSync(`${ROOT}${epoll}`, `${folder.path}/${epoll}`);
  cpSync(`${ROOT}device-configs`, `${folder.path}/device-configs`, { recursive: true });
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [`${folder.path}/dist/cli/main.js`, ...args], { encoding: 'utf8' });
  return { ...folder, run };
}

describe.each(['agent', 'relay'] as const)('the package of the %s', (program) => {
  let built: ReturnType<typeof bundled>;
  beforeAll(() => {
    built = bundled(program);
  });
  afterAll(() => built.remove());

  it('runs by itself, and says where the other one’s commands are', () => {
    const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { version: string };
    expect(built.run('--version').stdout.trim()).toBe(version);
    const checked = built.run(
      'check',
      `${built.path}/device-configs/sites/example-${program === 'agent' ? 'clinic' : 'relay'}.yaml`,
    );
    expect([checked.status, checked.stdout]).toEqual([0, expect.stringContaining('a good')]);
    const other = built.run(program === 'agent' ? 'relay' : 'agent', '--config', 'x.yaml');
    expect([other.status, other.stderr]).toEqual([2, expect.stringMatching(/is in the package coldwatch-/)]);
  });

  it('holds what its program needs and nothing of the other', () => {
    const there = readdirSync(`${built.path}/node_modules`);
    expect(there).toContain('better-sqlite3');
    const [own, others] = program === 'agent' ? ['epoll', 'kafkajs'] : ['kafkajs', 'epoll'];
    expect(there).toContain(own);
    expect(there).not.toContain(others);
    const natives = readdirSync(`${built.path}/node_modules/better-sqlite3/prebuilds`).filter((f) =>
      f.endsWith('.node'),
    );
    expect(natives).toEqual([`linux-${arch}.node`]);
    const sbom = JSON.parse(readFileSync(`${built.path}/sbom.json`, 'utf8')) as {
      components: { name: string; licenses: { expression?: string; license?: { id: string } }[] }[];
    };
    const names = sbom.components.map(({ name }) => name);
    expect(names).toContain(program === 'agent' ? 'mqtt' : 'fastify');
    expect(names).not.toContain(others);
    const licences = sbom.components.map(
      ({ licenses: [licence] }) => licence!.expression ?? licence!.license!.id,
    );
    for (const licence of licences) expect(licence).toMatch(/MIT|BSD|Apache|ISC|0BSD|Unlicense|BlueOak/);
  });

  it('is the same bytes each time', () => {
    const again = bundled(program);
    try {
      const hashes = ({ path }: { path: string }) =>
        execFileSync(
          'sh',
          [
            '-c',
            'find dist node_modules sbom.json licences package.json -type f -exec sha256sum {} + | sort',
          ],
          {
            cwd: path,
            encoding: 'utf8',
          },
        );
      expect(hashes(again)).toBe(hashes(built));
    } finally {
      again.remove();
    }
  });

  it('opens its SQLite file', () => {
    const data = `${built.path}/data`;
    const file = `${built.path}/settings.yaml`;
    const text =
      program === 'agent'
        ? `clinic: { id: c, name: C, timezone: UTC }\ngateway: g\ndata: ${data}\nhttp: { host: 127.0.0.1, port: 0 }\n`
        : `data: ${data}\nhttp: { host: 127.0.0.1, port: 0 }\n`;
    const ended = spawnSync(
      'sh',
      [
        '-c',
        `printf '%s' "$1" >"$2"; timeout -s TERM 10 "$3" "$4" ${program} --config "$2"`,
        'sh',
        text,
        file,
        process.execPath,
        `${built.path}/dist/cli/main.js`,
      ],
      { encoding: 'utf8' },
    );
    expect(ended.stdout).toMatch(program === 'agent' ? /the agent is sampling/ : /the relay takes batches/);
    expect(existsSync(`${data}/${program === 'agent' ? 'ring.db' : 'log.db'}`)).toBe(true);
  });
});
