import type { Clock } from '../../core/clock/clock.js';
import type { Lines } from '../drivers/driver.js';
import { openLines } from '../drivers/gpio/lines.js';

export type LazyLines = (() => Lines) & { close(): void };

/** GPIO is opened when something first needs it: a site without lines needs no header. */
export function lazyLines(root: string, clock: Clock): LazyLines {
  let opened: Lines | undefined;
  const get = () => {
    opened ??= openLines(root, clock);
    return opened;
  };
  return Object.assign(get, { close: () => opened?.close() });
}
