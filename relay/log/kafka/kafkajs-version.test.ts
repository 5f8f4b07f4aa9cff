import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { KAFKAJS, refuseOther } from './kafkajs-version.js';

it('the lockfile names the version that is expected', () => {
  const lock = JSON.parse(readFileSync(new URL('../../../package-lock.json', import.meta.url), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  expect(lock.packages['node_modules/kafkajs']!.version).toBe(KAFKAJS);
});

it.each(['2.2.5', '2.3.0-beta.1', '3.0.0'])('%s is refused, with what to do', (version) => {
  expect(() => refuseOther(version)).toThrow(
    expect.objectContaining({
      code: 'log.client',
      retry: false,
      message: expect.stringMatching(`kafkajs ${version} is installed, expected ${KAFKAJS}.*npm ci`),
    }),
  );
});
