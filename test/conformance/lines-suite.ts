import { openLines } from '../../agent/drivers/gpio/lines.js';
import { SystemClock } from '../../core/clock/system.js';
import { GpioTree } from '../world/gpio.js';
import { until } from '../world/programs.js';

/**
 * What every kind of GPIO lines must do. Run over a tree at `root`, it gives a line for each failed expectation.
 * Also a program of its own (`node lines-suite.js ROOT`), since onoff looks at /sys/class/gpio only.
 */
export async function linesSuite(root: string): Promise<string[]> {
  const tree = new GpioTree(root, [17, 18, 22, 23, 24]);
  const lines = openLines(root, new SystemClock());
  const failures: string[] = [];
  const expect = (what: string, ok: boolean) => {
    if (!ok) failures.push(what);
  };

  const buzzer = lines.output({ line: 18, active: 'high' });
  expect('an output starts off', !tree.level(18));
  buzzer.write(true);
  expect('on is high', tree.level(18));
  buzzer.write(false);
  expect('off is low', !tree.level(18));

  tree.set(23, true);
  tree.set(17, true);
  const seen: string[] = [];
  const button = lines.input({ line: 23, active: 'high' }, (on) => void seen.push(`23 ${on}`));
  const mains = lines.input({ line: 17, active: 'high' }, (on) => void seen.push(`17 ${on}`));
  expect('an input is read when opened', mains.read() && button.read());
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
