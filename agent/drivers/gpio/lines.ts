import type { Clock } from '../../../core/clock/clock.js';
import type { Lines } from '../driver.js';
import { hasSysfs, headerBase } from './base.js';
import { onoffLines } from './onoff-lines.js';
import { sysfsLines } from './sysfs-lines.js';
import { toolLines } from './tool-lines.js';

const SYSFS_ROOT = '/sys/class/gpio';

/**
 * The lines of the gateway's header: onoff at the kernel's own place, the character device where the kernel has no
 * sysfs lines, our sysfs code for any other tree.
 */
export function openLines(root: string, clock: Clock): Lines {
  if (root === SYSFS_ROOT && !hasSysfs(root)) return toolLines(clock);
  const base = headerBase(root);
  return root === SYSFS_ROOT ? onoffLines(base, clock) : sysfsLines(root, base, clock);
}
