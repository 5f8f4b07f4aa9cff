import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ColdwatchError, messageOf } from '../../../core/errors.js';

/** Labels of the chip that carries the 40-pin header: Pi 0 to 3, Pi 4, Pi 5. */
export const HEADER_CHIPS = ['pinctrl-bcm2835', 'pinctrl-bcm2711', 'pinctrl-rp1'];

/** Kernels built without CONFIG_GPIO_SYSFS have no such tree. */
export function hasSysfs(root: string): boolean {
  return safeList(root).some((name) => /^gpiochip\d+$/.test(name));
}

/**
 * The sysfs number of BCM line 0. Kernels from 6.6 number a chip's lines from a base of their own choosing (512 on
 * a Pi 4), so it is looked up by the chip's label. Throws device.unavailable when no header chip is there.
 */
export function headerBase(root: string): number {
  const seen: string[] = [];
  for (const entry of safeList(root).filter((name) => /^gpiochip\d+$/.test(name))) {
    const label = readFileSync(join(root, entry, 'label'), 'utf8').trim();
    if (HEADER_CHIPS.includes(label)) return Number(readFileSync(join(root, entry, 'base'), 'utf8').trim());
    seen.push(label);
  }
  const found = seen.length ? `only ${seen.join(', ')}` : 'no chip at all';
  throw new ColdwatchError(
    'device.unavailable',
    `no GPIO header under ${root}: expected a chip labelled ${HEADER_CHIPS.join(', ')}, found ${found}`,
  );
}

function safeList(root: string): string[] {
  try {
    return readdirSync(root);
  } catch {
    return [];
  }
}

export function lineError(line: number, error: unknown): ColdwatchError {
  const code = (error as NodeJS.ErrnoException).code;
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? ' (is this user in the group gpio?)'
      : code === 'EBUSY'
        ? ' (another program holds this line)'
        : '';
  return new ColdwatchError('device.unavailable', `GPIO line ${line}: ${messageOf(error)}${hint}`, {
    cause: error,
  });
}

export function once(fn: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    fn();
  };
}

/** The direction to open an output with so that it never pulses: both are outputs, at the level that means "off". */
export function idle(active: 'high' | 'low'): 'high' | 'low' {
  return active === 'low' ? 'high' : 'low';
}
