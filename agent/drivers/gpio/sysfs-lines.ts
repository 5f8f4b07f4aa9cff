import { closeSync, existsSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../../core/clock/clock.js';
import type { LineOptions, Lines } from '../driver.js';
import { idle, lineError, once } from './base.js';
import { pollLevel } from './poll.js';

const HIGH = 0x31;
const LOW = 0x30;

/** Lines of a sysfs tree at any root, inputs by looking: expanders without interrupts, and simulated trees. */
export function sysfsLines(root: string, base: number, clock: Clock): Lines {
  const closers: (() => void)[] = [];

  function open({ line, active }: LineOptions, direction: 'in' | 'out'): { fd: number; activeLow: boolean } {
    const folder = join(root, `gpio${base + line}`);
    try {
      if (!existsSync(folder)) writeFileSync(join(root, 'export'), String(base + line));
      writeFileSync(join(folder, 'direction'), direction === 'in' ? 'in' : idle(active));
      return {
        fd: openSync(join(folder, 'value'), direction === 'out' ? 'r+' : 'r'),
        activeLow: active === 'low',
      };
    } catch (error) {
      throw lineError(line, error);
    }
  }

  function watchFile(fd: number, line: number, activeLow: boolean, onChange: (active: boolean) => void) {
    const buffer = Buffer.alloc(1);
    const level = () => {
      const read = readSync(fd, buffer, 0, 1, 0);
      if (read === 1 && buffer[0] === HIGH) return !activeLow;
      if (read === 1 && buffer[0] === LOW) return activeLow;
      throw lineError(line, new Error('it has no level: is its chip still there?'));
    };
    try {
      return pollLevel(clock, level, onChange);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  return {
    output(options) {
      const { fd, activeLow } = open(options, 'out');
      const write = (on: boolean) => void writeSync(fd, on !== activeLow ? '1\n' : '0\n', 0);
      write(false);
      const close = once(() => {
        write(false);
        closeSync(fd);
      });
      closers.push(close);
      return { write, close };
    },
    input(options, onChange) {
      const { fd, activeLow } = open(options, 'in');
      const poll = watchFile(fd, options.line, activeLow, onChange);
      const close = once(() => {
        poll.stop();
        closeSync(fd);
      });
      closers.push(close);
      return { read: poll.read, close };
    },
    close: () => {
      for (const close of closers) close();
    },
  };
}
