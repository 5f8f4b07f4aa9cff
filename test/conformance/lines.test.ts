import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { headerBase } from '../../agent/drivers/gpio/base.js';
import { openLines } from '../../agent/drivers/gpio/lines.js';
import { SystemClock } from '../../core/clock/system.js';
import { tempFolder } from '../world/services.js';
import { linesSuite } from './lines-suite.js';

const SUITE = fileURLToPath(new URL('../../dist/test/conformance/lines-suite.js', import.meta.url));
/** onoff knows one place only: it gets a tree there, in a mount namespace that nobody else sees. */
const IN_NAMESPACE =
  'mount -t tmpfs none /sys/class && mkdir /sys/class/gpio && exec "$0" "$1" /sys/class/gpio';

describe('GPIO lines', () => {
  it('through our sysfs code, on a tree anywhere', async () => {
    const folder = tempFolder('gpio');
    expect(await linesSuite(folder.path)).toEqual([]);
    folder.remove();
  });

  it('through onoff, at /sys/class/gpio', () => {
    const run = spawnSync('unshare', ['--mount', 'sh', '-c', IN_NAMESPACE, process.execPath, SUITE], {
      encoding: 'utf8',
    });
    expect(run.status, `needs root or CAP_SYS_ADMIN for a mount namespace: ${run.stderr}`).toBe(0);
    expect(JSON.parse(run.stdout)).toEqual([]);
  });

  it('names the chips that it found when the header is not among them', () => {
    const folder = tempFolder('gpio');
    expect(() => headerBase(folder.path)).toThrow(
      /no GPIO header .* expected a chip labelled pinctrl-bcm2835/,
    );
    expect(() => openLines(folder.path, new SystemClock())).toThrow(/no chip at all/);
    folder.remove();
  });
});
