import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Clock, Timer } from '../../../core/clock/clock.js';
import { ColdwatchError } from '../../../core/errors.js';
import type { LineOptions, Lines } from '../driver.js';
import { HEADER_CHIPS, lineError } from './base.js';

/*
 * Lines through the kernel's character device, by the tools of package gpiod, where /sys/class/gpio is gone. libgpiod 1
 * and 2 differ in their options: `gpioset CHIP 18=1` with --mode=signal, and `gpioset -c CHIP 18=1`. Both hold the line
 * until they are ended, so each level of an output is a process.
 */
const DEBOUNCE_MS = 20;
const AGAIN_MS = 1000;
/** Between the look at a level and the watch over it a change can be missed: so it is looked at again. */
const LOOK_AGAIN_MS = 30_000;
/** A tool that has not answered by then is stuck, and all the gateway waits for it. */
const LOOK_MS = 1000;

interface Tools {
  chip: string;
  major: number;
}

/** Throws device.unavailable when there are no tools, or no chip with the header among those that they see. */
export function toolLines(clock: Clock): Lines {
  const tools = findTools();
  const closers: (() => void)[] = [];
  const closing = <T extends { close(): void }>(line: T): T => {
    closers.push(() => line.close());
    return line;
  };
  return {
    output: (options) => closing(openOutput(tools, options, clock)),
    input: (options, onChange) => closing(openInput(tools, options, clock, onChange)),
    close: () => {
      for (const close of closers) close();
    },
  };
}

function findTools(): Tools {
  const version = spawnSync('gpiodetect', ['--version'], { encoding: 'utf8' });
  if (version.error) {
    throw new ColdwatchError(
      'device.unavailable',
      'no GPIO in sysfs, and no tools for its character device: apt-get install gpiod',
    );
  }
  const major = Number(/v(\d+)\./.exec(version.stdout)?.[1] ?? 1);
  const { stdout } = spawnSync('gpiodetect', { encoding: 'utf8' });
  const chips = [...stdout.matchAll(/^(gpiochip\d+) \[(.*?)\]/gm)];
  const header = chips.find(([, , label]) => HEADER_CHIPS.includes(label!));
  if (header) return { chip: header[1]!, major };
  const found = chips.map(([, , label]) => label).join(', ') || 'no chip at all';
  throw new ColdwatchError(
    'device.unavailable',
    `no GPIO header: expected a chip labelled ${HEADER_CHIPS.join(', ')}, found ${found}`,
  );
}

function openOutput({ chip, major }: Tools, { line, active }: LineOptions, clock: Clock) {
  let wanted = false;
  let holder: ChildProcess | undefined;
  let closed = false;
  const level = () => `${line}=${wanted === (active === 'high') ? 1 : 0}`;
  const hold = () => {
    const args = major >= 2 ? ['-c', chip, level()] : ['--mode=signal', chip, level()];
    const held = wanted;
    const child = spawn('gpioset', args, { stdio: 'ignore' });
    holder = child;
    child.on('error', () => {});
    // The line is free for its next level once the process that held it is gone.
    child.on('exit', () => {
      if (holder === child) holder = undefined;
      if (closed) return;
      if (wanted === held) clock.after(AGAIN_MS, () => closed || holder || hold(), true);
      else hold();
    });
  };
  hold();
  return {
    write(on: boolean) {
      if (on === wanted) return;
      wanted = on;
      holder?.kill('SIGTERM');
    },
    close() {
      closed = true;
      holder?.kill('SIGTERM');
    },
  };
}

function levelOf({ chip, major }: Tools, line: number): boolean {
  const args = major >= 2 ? ['-c', chip, '--numeric', String(line)] : [chip, String(line)];
  const { status, stdout, stderr } = spawnSync('gpioget', args, { encoding: 'utf8', timeout: LOOK_MS });
  if (status !== 0) throw lineError(line, new Error(stderr.trim() || 'gpioget failed'));
  return stdout.trim() === '1';
}

function spawnMonitor({ chip, major }: Tools, line: number) {
  const format = ['--format=%e', String(line)];
  const args = major >= 2 ? ['-c', chip, ...format] : ['--line-buffered', format[0]!, chip, format[1]!];
  return spawn('gpiomon', args, { stdio: ['ignore', 'pipe', 'ignore'] });
}

/** Contacts bounce: a level counts once it has stood for a moment. */
function debounced(first: boolean, clock: Clock, onChange: (level: boolean) => void) {
  let raw = first;
  let settled = first;
  let timer: Timer | undefined;
  return {
    get settled() {
      return settled;
    },
    changed(now: boolean): void {
      raw = now;
      timer ??= clock.after(DEBOUNCE_MS, () => {
        timer = undefined;
        if (raw === settled) return;
        settled = raw;
        onChange(settled);
      });
    },
    close(): void {
      timer?.cancel();
    },
  };
}

function openInput(
  { chip, major }: Tools,
  { line, active }: LineOptions,
  clock: Clock,
  onChange: (active: boolean) => void,
) {
  const isActive = (high: boolean) => high === (active === 'high');
  const look = () => isActive(levelOf({ chip, major }, line));
  const level = debounced(look(), clock, onChange);
  let monitor: ChildProcess | undefined;
  let closed = false;
  let failure: unknown;

  function watch(): void {
    const child = spawnMonitor({ chip, major }, line);
    monitor = child;
    child.on('error', () => {});
    // 1 is a rising edge; a falling one is 0 in libgpiod 1 and 2 in libgpiod 2.
    createInterface({ input: child.stdout }).on('line', (event) =>
      level.changed(isActive(event.trim() === '1')),
    );
    const refresh = clock.after(LOOK_AGAIN_MS, () => child.kill('SIGTERM'), true);
    child.on('exit', (code, signal) => {
      refresh.cancel();
      if (!closed) clock.after(signal === null && code !== 0 ? AGAIN_MS : 0, again, true);
    });
  }

  /** What happened while nobody watched must be seen too. */
  function again(): void {
    if (closed) return;
    try {
      level.changed(look());
      failure = undefined;
      watch();
    } catch (error) {
      failure = error;
      clock.after(AGAIN_MS, again, true);
    }
  }

  watch();
  return {
    read: () => {
      if (failure !== undefined) throw failure;
      return level.settled;
    },
    close() {
      closed = true;
      level.close();
      monitor?.kill('SIGTERM');
    },
  };
}
