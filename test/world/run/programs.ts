import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

/** The built CLI, whether this file itself runs from sources or from dist/. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/dist\/$/, '/');
export const CLI = `${ROOT}dist/cli/main.js`;

/** One of our programs, run as a user runs it: its own process, its own file of settings. */
export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  constructor(name: 'agent' | 'relay', config: object, folder: string, env: Record<string, string> = {}) {
    const file = `${folder}/${name}.yaml`;
    writeFileSync(file, stringify(config));
    const log = createWriteStream(`${folder}/${name}.log`, { flags: 'a' });
    this.#child = spawn(process.execPath, [CLI, name, '--config', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.#child.stdout!.pipe(log, { end: false });
    this.#child.stderr!.pipe(log, { end: false });
    this.#ended = new Promise((resolve) => this.#child.on('exit', (code) => resolve(code)));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** SIGTERM; resolves with the exit status once it has drained. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.#ended;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

const given = new Set<number>();

/** Ports that tests take, below those of outgoing connections: a share for each process of tests beside others. */
const PORTS = { from: 15_000, share: 3000, shares: 5 };

/** A port that nobody listens on, given once a process. */
export async function freePort(): Promise<number> {
  const share = Number(process.env.VITEST_POOL_ID ?? 0) % PORTS.shares;
  for (;;) {
    const port = PORTS.from + share * PORTS.share + Math.floor(Math.random() * PORTS.share);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return port;
  }
}

/** Throws when another program has the port: its answers would be taken for ours. */
export async function claimPort(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', () => reject(new Error(`port ${port} is in use: choose another with --port`)));
    server.listen(port, '127.0.0.1', resolve);
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** Looks until `look` gives something; throws, saying what was waited for, after `ms`. */
export async function until<T>(
  what: string,
  ms: number,
  look: () => T | Promise<T>,
): Promise<NonNullable<T>> {
  const end = Date.now() + ms;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(`waited ${ms / 1000} s in vain for: ${what} (last: ${String(last)})`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function getJson<T>(url: string, token?: string): Promise<T> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as T;
}
