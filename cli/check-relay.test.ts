import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkFile } from '../agent/site/check.js';
import { formatProblem } from '../host/settings/yaml.js';
import { relayFile } from '../relay/config/load.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coldwatch-check-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What `coldwatch check` says of a relay's file. */
function problems(yaml: string): string[] {
  const file = join(folder, 'relay.yaml');
  writeFileSync(file, yaml);
  return checkFile(file, [relayFile]).problems.map((p) => formatProblem(p).replace(`${folder}/`, ''));
}

describe('relay files', () => {
  const RELAY = 'data: /tmp/x\n';

  it.each([
    ['token', 'tokens: { gw-1: SECRET }'],
    ['token of a gateway', 'gateways: { relay: { clinic: c, token: SECRET } }'],
    ['password', 'registry: { username: u, password: SECRET }'],
    ['password in an address', 'archive: { postgres: "mysql://u:SECRET@host/db" }'],
  ])('never show a secret that is wrong: a %s', (_what, line) => {
    vi.stubEnv('CREDENTIALS_DIRECTORY', folder);
    writeFileSync(join(folder, 'named'), 'shhh 5');
    for (const secret of ['shhh 5', `\${credential:named}`]) {
      const bare = line.includes('"') ? secret : JSON.stringify(secret);
      const found = problems(`${RELAY}${line.replace('SECRET', bare)}\n`).join('\n');
      expect(found).toMatch(/: got a secret, expected/);
      expect(found).not.toContain('shhh');
    }
    vi.unstubAllEnvs();
  });

  it('have no gateway with the name that every object has', () => {
    expect(problems(`${RELAY}gateways:\n  __proto__: { clinic: c, token: "\${credential:none}" }\n`)).toEqual(
      [
        'relay.yaml:3:3 gateways.__proto__: got a name that every object has, expected another name',
        expect.stringContaining('gateways.__proto__.token: warning: got no credential none'),
      ],
    );
  });

  it('are warned of when two gateways have one token', () => {
    const tokens =
      'gateways: { a: { clinic: c, token: a-token-of-sixteen } }\ntokens: { b: a-token-of-sixteen, d: another-of-sixteen }\n';
    const found = problems(RELAY + tokens).filter((problem) => problem.includes('one of its own'));
    expect(found).toEqual([
      'relay.yaml:3:14 tokens.b: warning: got the token of "a", expected one of its own: who has it may send as either',
    ]);
    // Secrets that are not here are not compared.
    const named = `tokens: { a: "\${credential:a-none}", b: "\${credential:b-none}" }\n`;
    expect(problems(RELAY + named).join()).not.toMatch(/one of its own/);
  });
});
