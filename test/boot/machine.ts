import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import {
  copyFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { promisify } from 'node:util';
import type { PtyEnd } from '../world/probes/pty.js';
import { freePort, until } from '../world/run/programs.js';

const run = promisify(execFile);

const FIRMWARE = '/usr/share/OVMF/OVMF_CODE_4M.fd';
const FIRMWARE_SETTINGS = '/usr/share/OVMF/OVMF_VARS_4M.fd';
/** A mini PC's least. */
const MEMORY_MB = 1024;
/** Emulated, and beside other work: a boot that is not over by then is stuck. */
const BOOT_MS = 600_000;
const SSH_MS = 60_000;
/** Where scripts/imaging/card.sh puts the boot partition. */
const BOOT_PARTITION = '4M';
const DATA_PARTITION = 3;
/** Where all is emulated beside other work, the card's own 15 s of watchdog are over while systemd starts. */
const TRIED_WITH = 'console=ttyS0 systemd.watchdog_sec=120';
const SECTOR = 512;

/** What a technician's computer does to a card: the boot partition's files. */
export class Card {
  readonly file: string;

  /** A copy of an image on a card of that size. */
  constructor(image: string, file: string, sizeMb: number) {
    this.file = file;
    execFileSync('cp', ['--sparse=always', image, file]);
    execFileSync('truncate', ['-s', `${sizeMb}M`, file]);
  }

  /** The kernel speaks on the serial console too, which a card in a clinic leaves to probes. */
  async console(): Promise<void> {
    const entry = `${this.file}.entry`;
    await this.#tool('mcopy', '-n', '-o', '::/loader/entries/a.conf', entry);
    await run('sed', ['-i', `s/ quiet$/ ${TRIED_WITH}/`, entry]);
    await this.#tool('mcopy', '-n', '-o', entry, '::/loader/entries/a.conf');
  }

  async read(path: string): Promise<string> {
    const { stdout } = await this.#tool('mtype', `::${path}`);
    return stdout;
  }

  /** A file under that path, or what a folder holds into the folder of that path. */
  async write(from: string, path: string): Promise<void> {
    const sources = statSync(from).isDirectory()
      ? readdirSync(from).map((name) => `${from}/${name}`)
      : [from];
    await this.#tool('mcopy', '-n', '-o', '-s', ...sources, `::${path}`);
  }

  /** The data partition's file system is gone, its places of old superblocks too. */
  async spoilData(): Promise<void> {
    const { stdout } = await run('sfdisk', ['--json', this.file]);
    const { partitions } = (
      JSON.parse(stdout) as { partitiontable: { partitions: { start: number; size: number }[] } }
    ).partitiontable;
    const { start, size } = partitions[DATA_PARTITION]!;
    const [offset, length] = [start * SECTOR, size * SECTOR].map(String);
    await run('fallocate', ['--punch-hole', '--offset', offset!, '--length', length!, this.file]);
  }

  #tool(name: string, ...args: string[]) {
    return run(name, ['-i', `${this.file}@@${BOOT_PARTITION}`, ...args], {
      env: { ...process.env, MTOOLS_SKIP_CHECK: '1' },
    });
  }
}

export interface Ports {
  ssh: number;
  http: number;
  mqtt: number;
}

/** A mini PC that boots a card in QEMU's software emulation, with a serial probe on USB and a watchdog on its bus. */
export class Machine {
  readonly ports: Ports;
  readonly console: string;
  readonly #folder: string;
  readonly #card: Card;
  readonly #key: string;
  #qemu: ChildProcess | undefined;
  /** Boots since the first, also those that the machine did by itself. */
  boots = 0;

  private constructor(folder: string, card: Card, key: string, ports: Ports) {
    this.#folder = folder;
    this.#card = card;
    this.#key = key;
    this.ports = ports;
    this.console = `${folder}/console.log`;
  }

  /** `key`: the private key whose public half is on the card. */
  static async of(folder: string, card: Card, key: string): Promise<Machine> {
    mkdirSync(folder, { recursive: true });
    if (!existsSync(FIRMWARE)) throw new Error('OVMF is missing: apt-get install ovmf');
    copyFileSync(FIRMWARE_SETTINGS, `${folder}/firmware.fd`);
    const ports = { ssh: await freePort(), http: await freePort(), mqtt: await freePort() };
    return new Machine(folder, card, key, ports);
  }

  /** Power on. Its serial probe is to be had from `probe()` at once. */
  start(): void {
    const { ssh, http, mqtt } = this.ports;
    const forwarded = [`${ssh}-:22`, `${http}-:8080`, `${mqtt}-:1883`].map(
      (f) => `hostfwd=tcp:127.0.0.1:${f}`,
    );
    this.#qemu = spawn(
      'qemu-system-x86_64',
      [
        // One processor, and one that needs no mending of its flaws: several emulated ones have crashed kernels.
        ...[
          '-machine',
          'q35,accel=tcg',
          '-cpu',
          'qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt',
          '-m',
          String(MEMORY_MB),
        ],
        ...['-display', 'none', '-nodefaults', '-uuid', 'c01d0a7c-1111-4111-8111-0123456789ab'],
        ...['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${FIRMWARE}`],
        ...['-drive', `if=pflash,format=raw,unit=1,file=${this.#folder}/firmware.fd`],
        // QEMU is killed, and its host is not: what QEMU has written, the host has. Waiting for the disk shows no more.
        ...['-drive', `if=none,id=card,format=raw,cache=unsafe,file=${this.#card.file}`],
        ...['-device', 'virtio-blk-pci,drive=card'],
        ...['-netdev', `user,id=lan,${forwarded.join(',')}`, '-device', 'virtio-net-pci,netdev=lan,romfile='],
        ...[
          '-device',
          'qemu-xhci,addr=0x8',
          '-chardev',
          `socket,id=probe,path=${this.#socket},server=on,wait=off`,
        ],
        ...['-device', 'usb-serial,chardev=probe,port=1'],
        // The watchdog of Intel's chipsets, wired to reset.
        ...['-global', 'ICH9-LPC.noreboot=false', '-action', 'watchdog=reset'],
        // Boards have a generator of random numbers; the emulated processor has none.
        ...['-device', 'virtio-rng-pci'],
        ...['-serial', `file:${this.console}`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#qemu.stderr!.pipe(createWriteStream(`${this.#folder}/qemu.log`, { flags: 'a' }), { end: false });
  }

  get #socket(): string {
    return `${this.#folder}/probe.sock`;
  }

  get running(): boolean {
    return this.#qemu !== undefined && this.#qemu.exitCode === null && this.#qemu.signalCode === null;
  }

  /** Until somebody can log in. Returns how long that took, in ms. */
  async booted(): Promise<number> {
    const began = Date.now();
    const before = await this.#bootId;
    await until('a log-in over SSH', BOOT_MS, async () => {
      if (!this.running)
        throw new Error(`QEMU has ended: ${readFileSync(`${this.#folder}/qemu.log`, 'utf8')}`);
      const id = await this.bootId();
      return id !== before && id;
    });
    this.boots += 1;
    this.#bootId = this.bootId();
    return Date.now() - began;
  }

  #bootId: Promise<string> | undefined;

  async bootId(): Promise<string> {
    return (await this.shell('cat /proc/sys/kernel/random/boot_id')).trim();
  }

  /** One command as the technician; throws with what it said when it fails. */
  async shell(command: string, ms = SSH_MS): Promise<string> {
    const options = [
      ...['-o', 'StrictHostKeyChecking=no', '-o', `UserKnownHostsFile=${this.#folder}/known_hosts`],
      ...['-o', 'ConnectTimeout=20', '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR'],
    ];
    const args = ['-i', this.#key, '-p', String(this.ports.ssh), ...options, 'technician@127.0.0.1', command];
    const { stdout } = await run('ssh', args, { timeout: ms, maxBuffer: 1 << 26 });
    return stdout;
  }

  /** Its serial probe's end of the line. */
  async probe(): Promise<PtyEnd> {
    const socket = await until('the serial line', 30_000, () => connected(this.#socket));
    socket.on('error', () => {});
    return {
      path: this.#socket,
      write: (data) => void socket.write(data),
      onData: (fn) => void socket.on('data', fn),
      close: async () => void socket.destroy(),
    };
  }

  /** The plug is pulled. */
  async kill(): Promise<void> {
    const qemu = this.#qemu;
    if (!qemu || !this.running) return;
    const ended = new Promise((resolve) => qemu.once('exit', resolve));
    qemu.kill('SIGKILL');
    await ended;
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path, () => resolve(socket));
    socket.once('error', reject);
  });
}
