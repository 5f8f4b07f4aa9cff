import type { Lines } from '../../agent/drivers/driver.js';
import { openLines } from '../../agent/drivers/gpio/lines.js';
import { SystemClock } from '../../host/clock.js';
import { GpioTree } from '../world/probes/gpio.js';
import { until } from '../world/run/programs.js';

interface SuiteOptions {
  open?: () => Lines;
  /** How long inputs take until they are watched. */
  startMs?: number;
  /** The tree shows levels as they are on the wire; onoff leaves turning them round to the kernel. */
  physical?: boolean;
}

/**
 * What every kind of GPIO lines must do. Run over a tree at `root`, it gives a line for each failed expectation.
 * Also a program of its own (`node lines-suite.js ROOT`), since onoff looks at /sys/class/gpio only.
 */
export async function linesSuite(root: string, options: SuiteOptions = {}): Promise<string[]> {
  const { open = () => openLines(root, new SystemClock()), startMs = 0, physical = false } = options;
  const tree = new GpioTree(root, [17, 18, 22, 23, 24]);
  const lines = open();
  const failures: string[] = [];
  const expect = (what: string, ok: boolean) => {
    if (!ok) failures.push(what);
  };

  const buzzer = lines.output({ line: 18, active: 'high' });
  expect('an output starts off', !tree.level(18));
  buzzer.write(true);
  await until('on is high', 3000, () => tree.level(18));
  buzzer.write(false);
  await until('off is low', 3000, () => !tree.level(18));
  if (physical) {
    const lamp = lines.output({ line: 22, active: 'low' });
    await until('an output that is active when low starts high', 3000, () => tree.level(22));
    lamp.write(true);
    await until('on is low', 3000, () => !tree.level(22));
  }

  tree.set(23, true);
  tree.set(17, true);
  const seen: string[] = [];
  const button = lines.input({ line: 23, active: 'high' }, (on) => void seen.push(`23 ${on}`));
  const mains = lines.input({ line: 17, active: 'high' }, (on) => void seen.push(`17 ${on}`));
  expect('an input is read when opened', mains.read() && button.read());
  await new Promise((resolve) => setTimeout(resolve, startMs));
  tree.set(17, false);
  await until('the change of an input', 3000, () => seen.includes('17 false'));
  expect('the input reads as it changed', !mains.read());
  tree.set(17, true);
  await until('the change back', 3000, () => seen.includes('17 true'));
  expect(
    'other inputs saw nothing',
    seen.every((line) => line.startsWith('17')),
  );

  lines.close();
  const before = seen.length;
  tree.set(17, false);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect('a closed input is silent', seen.length === before);
  return failures;
}

if (process.argv[1]?.endsWith('lines-suite.js')) {
  const failures = await linesSuite(process.argv[2] ?? '');
  console.log(JSON.stringify(failures));
  process.exit(0);
}
