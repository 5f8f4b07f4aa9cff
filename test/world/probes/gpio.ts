import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Lines start at this number, as on a Pi 4 with a kernel from 6.6. */
export const GPIO_BASE = 512;

/** A sysfs GPIO tree as files, with the chip of a Pi 4. Lines exist from the start: nobody here answers to `export`. */
export class GpioTree {
  readonly root: string;

  constructor(root: string, lines: readonly number[]) {
    this.root = root;
    const chip = join(root, `gpiochip${GPIO_BASE}`);
    mkdirSync(chip, { recursive: true });
    writeFileSync(join(chip, 'label'), 'pinctrl-bcm2711\n');
    writeFileSync(join(chip, 'base'), `${GPIO_BASE}\n`);
    writeFileSync(join(chip, 'ngpio'), '58\n');
    writeFileSync(join(root, 'export'), '');
    writeFileSync(join(root, 'unexport'), '');
    for (const line of lines) {
      const folder = this.#folder(line);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'direction'), 'in\n');
      writeFileSync(join(folder, 'edge'), 'none\n');
      writeFileSync(join(folder, 'active_low'), '0\n');
      writeFileSync(join(folder, 'value'), '0\n');
    }
  }

  /** Drives an input line. */
  set(line: number, high: boolean): void {
    writeFileSync(join(this.#folder(line), 'value'), high ? '1\n' : '0\n', { flag: 'r+' });
  }

  /** What a line that is no longer there, or no line, would give. */
  spoil(line: number, text: string): void {
    writeFileSync(join(this.#folder(line), 'value'), text);
  }

  /** The level that the program drives. */
  level(line: number): boolean {
    return readFileSync(join(this.#folder(line), 'value'), 'latin1').startsWith('1');
  }

  #folder(line: number): string {
    return join(this.root, `gpio${GPIO_BASE + line}`);
  }
}
