import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where each subsystem keeps its devices, and how it names their folders. */
const FOLDERS = { iio: 'bus/iio/devices/iio:device', hwmon: 'class/hwmon/hwmon' };

/** A device that the kernel reads, as files below a /sys of its own. Its number changes with each time it is plugged in. */
export class KernelDevice {
  readonly #root: string;
  readonly #subsystem: keyof typeof FOLDERS;
  readonly #name: string;
  #number = 0;

  constructor(root: string, subsystem: keyof typeof FOLDERS, name: string) {
    this.#root = root;
    this.#subsystem = subsystem;
    this.#name = name;
    this.plug();
  }

  path(file: string): string {
    return join(this.#root, `${FOLDERS[this.#subsystem]}${this.#number}`, file);
  }

  plug(): void {
    this.#number += 1;
    mkdirSync(this.path(''), { recursive: true });
    writeFileSync(this.path('name'), `${this.#name}\n`);
  }

  unplug(): void {
    rmSync(this.path(''), { recursive: true });
  }

  /** The kernel gives a whole answer or none. */
  set(file: string, text: string): void {
    writeFileSync(this.path('.new'), text);
    renameSync(this.path('.new'), this.path(file));
  }
}
