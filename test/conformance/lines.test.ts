import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { headerBase } from '../../agent/drivers/gpio/base.js';
import { openLines } from '../../agent/drivers/gpio/lines.js';
import { toolLines } from '../../agent/drivers/gpio/tool-lines.js';
import { SystemClock } from '../../host/clock.js';
import { GpioTree } from '../world/probes/gpio.js';
import { tempFolder } from '../world/run/services.js';
import { linesSuite } from './lines-suite.js';

const TOOL = fileURLToPath(new URL('../../dist/test/world/probes/gpiod-tool.js', import.meta.url));
const SUITE = fileURLToPath(new URL('../../dist/test/conformance/lines-suite.js', import.meta.url));
/** onoff knows one place only: it gets a tree there, in a mount namespace that nobody else sees. */
const IN_NAMESPACE =
  'mount -t tmpfs none /sys/class && mkdir /sys/class/gpio && exec "$0" "$1" /sys/class/gpio';

/** The agent waits meanwhile: its alarm promises 3.5 s. */
const HUNG_MS = 2500;

/** The tools of package gpiod on a tree in `folder`, before all others in the path. */
async function withTools(major: string, test: (folder: string) => Promise<void>): Promise<void> {
  const folder = tempFolder('gpio');
  const bin = `${folder.path}/bin`;
  mkdirSync(bin);
  for (const tool of ['gpiodetect', 'gpioget', 'gpioset', 'gpiomon']) {
    const script = `#!/bin/sh\nexec ${process.execPath} ${TOOL} ${tool} ${major} ${folder.path}/gpio "$@"\n`;
    writeFileSync(`${bin}/${tool}`, script, { mode: 0o755 });
  }
  const path = process.env.PATH;
  process.env.PATH = `${bin}:${path}`;
  try {
    await test(folder.path);
  } finally {
    process.env.PATH = path;
    folder.remove();
  }
}

describe('GPIO lines', () => {
  it('through our sysfs code, on a tree anywhere', async () => {
    const folder = tempFolder('gpio');
    expect(await linesSuite(folder.path, { physical: true })).toEqual([]);
    folder.remove();
  });

  it('through onoff, at /sys/class/gpio', () => {
    const run = spawnSync('unshare', ['--mount', 'sh', '-c', IN_NAMESPACE, process.execPath, SUITE], {
      encoding: 'utf8',
    });
    expect(run.status, `needs root or CAP_SYS_ADMIN for a mount namespace: ${run.stderr}`).toBe(0);
    expect(JSON.parse(run.stdout)).toEqual([]);
  });

  it.each(['1', '2'])('through the character device, by the tools of libgpiod %s', async (major) => {
    await withTools(major, async (folder) => {
      expect(
        await linesSuite(`${folder}/gpio`, {
          open: () => toolLines(new SystemClock()),
          startMs: 400,
          physical: true,
        }),
      ).toEqual([]);
    });
  });

  it('through a tool that hangs: the line is named, and waited for a second or two at the most', async () => {
    await withTools('2', async (folder) => {
      new GpioTree(`${folder}/gpio`, [17]);
      const lines = toolLines(new SystemClock());
      writeFileSync(`${folder}/bin/gpioget`, '#!/bin/sh\nexec sleep 30\n', { mode: 0o755 });
      const began = performance.now();
      expect(() => lines.input({ line: 17, active: 'high' }, () => {})).toThrow(
        /GPIO line 17: gpioget failed/,
      );
      expect(performance.now() - began).toBeLessThan(HUNG_MS);
      lines.close();
    });
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
