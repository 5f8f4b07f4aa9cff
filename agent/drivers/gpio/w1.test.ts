import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { W1Tree } from '../../../test/world/probes/w1.js';
import { openW1 } from './w1.js';

it('names the probe that was put in the place of a missing one', async () => {
  const root = mkdtempSync(join(tmpdir(), 'coldwatch-w1-'));
  const tree = new W1Tree(root);
  tree.set('28-0000000000bb', 5);
  const driver = await openW1(root, [{ sensor: 'a', rom: '28-0000000000aa', everyMs: 60_000 }]);
  const heard: string[] = [];
  await driver.start({ payload: () => {}, unknown: (source) => void heard.push(source) });
  expect(heard).toEqual(['w1 28-0000000000bb']);
  await expect(driver.probes[0]!.read()).rejects.toThrow(
    /28-0000000000aa is not on the 1-wire bus \(there is 28-0000000000bb, which no sensor names/,
  );
  tree.set('28-0000000000aa', 4.5);
  expect((await driver.probes[0]!.read()).samples[0]).toMatchObject({ value: 4500, unit: 'mCel' });
  rmSync(root, { recursive: true });
});
