import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GPIO_BASE } from './gpio.js';

/*
 * gpiodetect, gpioget, gpioset and gpiomon of package gpiod, over a tree of files: what they take and print, in
 * version 1 and 2. Run as `gpiod-tool.js TOOL MAJOR ROOT …`.
 */
const [tool, major, root, ...args] = process.argv.slice(2) as [string, string, string, ...string[]];
const v2 = major === '2';
const value = (line: string) => join(root, `gpio${GPIO_BASE + Number(line)}`, 'value');
const level = (line: string) => readFileSync(value(line), 'latin1')[0]!;

function refuse(why: string): never {
  process.stderr.write(`${tool}: ${why}\n`);
  process.exit(1);
}

/** What is left of the arguments without options and the chip. */
function rest(...known: string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (v2 && arg === '-c') i += 1;
    else if (arg.startsWith('--')) {
      if (!known.some((name) => arg.startsWith(name))) refuse(`unrecognized option '${arg}'`);
    } else out.push(arg);
  }
  if (!v2 && out.shift() !== 'gpiochip0') refuse('cannot find a GPIO chip');
  if (v2 && !args.includes('gpiochip0')) refuse('cannot find a GPIO chip');
  return out;
}

switch (tool) {
  case 'gpiodetect':
    if (args[0] === '--version') console.log(`gpiodetect (libgpiod) v${v2 ? '2.2.1' : '1.6.3'}`);
    else console.log('gpiochip0 [pinctrl-bcm2711] (58 lines)\ngpiochip1 [raspberrypi-exp-gpio] (8 lines)');
    break;
  case 'gpioget':
    console.log(level(rest(...(v2 ? ['--numeric'] : []))[0]!));
    break;
  case 'gpioset': {
    if (!v2 && !args.includes('--mode=signal')) process.exit(0);
    const [line, to] = rest(...(v2 ? [] : ['--mode=signal']))[0]!.split('=') as [string, string];
    writeFileSync(value(line), `${to}\n`);
    // Once nobody holds it, a line falls back.
    process.on('SIGTERM', () => {
      writeFileSync(value(line), '0\n');
      process.exit(0);
    });
    setInterval(() => {}, 1000);
    break;
  }
  case 'gpiomon': {
    const [line] = rest('--format=', ...(v2 ? [] : ['--line-buffered'])) as [string];
    let last = level(line);
    setInterval(() => {
      const now = level(line);
      if (now === last) return;
      last = now;
      console.log(now === '1' ? '1' : v2 ? '2' : '0');
    }, 5);
    break;
  }
  default:
    refuse('no such tool');
}
