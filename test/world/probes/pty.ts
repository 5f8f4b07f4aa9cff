import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ReadStream } from 'node:tty';

/** One end of a pseudo-terminal as bytes; the other end is a serial port by its path. */
export interface PtyEnd {
  path: string;
  write(data: Buffer | string): void;
  onData(fn: (bytes: Buffer) => void): void;
  close(): Promise<void>;
}

interface NativePty {
  open(columns: number, rows: number): { master: number; slave: number; pty: string };
}

/** A pseudo-terminal from node-pty's native part: needs nothing installed, so the demo uses it. */
export function openPty(): PtyEnd {
  const native = createRequire(import.meta.url)('node-pty/build/Release/pty.node') as NativePty;
  // The slave stays open here too: else closing the serial port would hang up the master.
  const { master, pty } = native.open(80, 24);
  const stream = new ReadStream(master);
  stream.on('error', () => {});
  return {
    path: pty,
    write: (data) => void writeSync(master, typeof data === 'string' ? Buffer.from(data, 'latin1') : data),
    onData: (fn) => stream.on('data', (bytes) => fn(bytes as Buffer)),
    close: async () => void stream.destroy(),
  };
}

/** A pair of pseudo-terminals from socat: one end for the program under test, the other held open here. */
export async function openSocatPty(folder: string, name: string): Promise<PtyEnd> {
  const [near, far] = [`${folder}/${name}-device`, `${folder}/${name}`];
  const socat = spawn('socat', [`pty,raw,echo=0,link=${near}`, `pty,raw,echo=0,link=${far}`], {
    stdio: 'ignore',
  });
  const failed = new Promise<never>((_, reject) => {
    socat.on('error', () => reject(new Error('socat is missing: apt-get install socat')));
  });
  const ready = (async () => {
    while (!existsSync(near) || !existsSync(far)) await new Promise((resolve) => setTimeout(resolve, 10));
  })();
  await Promise.race([ready, failed]);
  const fd = openSync(near, 'r+');
  const input = new ReadStream(fd);
  const output = createWriteStream(near, { flags: 'r+' });
  input.on('error', () => {});
  output.on('error', () => {});
  return {
    path: far,
    write: (data) => void output.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data),
    onData: (fn) => input.on('data', (bytes) => fn(bytes as Buffer)),
    close: async () => {
      input.destroy();
      output.destroy();
      socat.kill();
    },
  };
}
