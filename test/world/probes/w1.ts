import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc8 } from '../../../agent/drivers/gpio/w1-decode.js';

/** What can be wrong with a DS18B20, as the kernel shows it. */
export type W1Fault = 'empty' | 'crc' | 'power_on' | 'zeros' | 'absent';

const hex = (byte: number) => byte.toString(16).padStart(2, '0');

/** The text of w1_slave for a temperature: 1/16 °C steps, as the probe at 12 bits has. */
export function w1Text(celsius: number, fault?: W1Fault): string {
  if (fault === 'empty') return '';
  const raw = Math.round(celsius * 16) & 0xffff;
  const scratchpad =
    fault === 'power_on'
      ? [0x50, 0x05, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10]
      : fault === 'zeros'
        ? [0, 0, 0, 0, 0, 0, 0, 0]
        : [raw & 0xff, raw >> 8, 0x4b, 0x46, 0x7f, 0xff, (0x10 - (raw & 0x0f)) & 0xff, 0x10];
  const crc = crc8(scratchpad);
  const shown = fault === 'crc' ? crc ^ 0x55 : crc;
  const bytes = [...scratchpad, shown].map(hex).join(' ');
  const signed = (((scratchpad[1]! << 8) | scratchpad[0]!) << 16) >> 16;
  const verdict = fault === 'crc' ? 'NO' : 'YES';
  return `${bytes} : crc=${hex(shown)} ${verdict}\n${bytes} t=${Math.trunc((signed * 1000) / 16)}\n`;
}

/** The kernel's 1-wire tree as files: probes that can be set, broken and unplugged. */
export class W1Tree {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
    mkdirSync(root, { recursive: true });
  }

  set(rom: string, celsius: number, fault?: W1Fault): void {
    const folder = join(this.root, rom);
    if (fault === 'absent') return rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    // The kernel gives a whole answer or none: a rename has no half-written moment.
    writeFileSync(join(folder, '.new'), w1Text(celsius, fault));
    renameSync(join(folder, '.new'), join(folder, 'w1_slave'));
  }
}
