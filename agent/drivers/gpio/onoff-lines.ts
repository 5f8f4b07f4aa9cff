import { Gpio } from 'onoff';
import type { Clock } from '../../../core/clock/clock.js';
import type { LineOptions, Lines } from '../driver.js';
import { idle, lineError, once } from './base.js';
import { pollLevel } from './poll.js';

const DEBOUNCE_MS = 20;

/** Lines through onoff at /sys/class/gpio, inputs by interrupt where the line has one, else by looking. */
export function onoffLines(base: number, clock: Clock): Lines {
  const closers: (() => void)[] = [];

  function open<T>(line: number, make: () => T): T {
    try {
      return make();
    } catch (error) {
      throw lineError(line, error);
    }
  }

  return {
    output({ line, active }: LineOptions) {
      const gpio = open(
        line,
        () => new Gpio(base + line, idle(active), 'none', { activeLow: active === 'low' }),
      );
      const write = (on: boolean) => gpio.writeSync(on ? 1 : 0);
      write(false);
      const close = once(() => {
        write(false);
        gpio.unexport();
      });
      closers.push(close);
      return { write, close };
    },
    input({ line, active }, onChange) {
      const options = { activeLow: active === 'low', debounceTimeout: DEBOUNCE_MS };
      const make = (edge: 'both' | 'none') => open(line, () => new Gpio(base + line, 'in', edge, options));
      let gpio = make('both');
      let input: Input | undefined = watch(gpio, onChange);
      if (!input) {
        // One whose watch has failed cannot even be closed: it is left, and a plain one takes its place.
        gpio = make('none');
        input = pollLevel(clock, () => gpio.readSync() === 1, onChange);
      }
      const { read, stop } = input;
      const close = once(() => {
        stop();
        gpio.unexport();
      });
      closers.push(close);
      return { read, close };
    },
    close: () => {
      for (const close of closers) close();
    },
  };
}

interface Input {
  read(): boolean;
  stop(): void;
}

/** By interrupt; undefined where the kernel offers none for this line. */
function watch(gpio: Gpio, onChange: (active: boolean) => void): Input | undefined {
  let level = gpio.readSync() === 1;
  try {
    gpio.watch((error, value) => {
      if (error || (value === 1) === level) return;
      level = value === 1;
      onChange(level);
    });
  } catch {
    return undefined;
  }
  const read = () => {
    // One whose chip is gone throws here, and interrupts no more.
    gpio.readSync();
    return level;
  };
  return { read, stop: () => gpio.unwatchAll() };
}
