import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePort, until } from './programs.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/dist\/$/, '/');

export interface Service {
  /** host:port */
  address: string;
  port: number;
  stop(): Promise<void>;
  /** SIGTERM; its data stays. */
  halt(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts again on the same port with the same data. */
  restart(): Promise<void>;
}

/** A command that is missing is named with what installs it. */
export function need(command: string, install: string): void {
  if (spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0) {
    throw new Error(`${command} is missing. Install it: ${install}`);
  }
}

export function tempFolder(name: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `coldwatch-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Apache Kafka: one KRaft node of our own, or the user's own brokers in KAFKA_BROKERS. */
export async function startKafka(): Promise<Service> {
  const own = process.env.KAFKA_BROKERS?.split(',')[0];
  if (own) {
    const nothing = async () => {};
    return {
      address: own,
      port: Number(own.split(':')[1]),
      stop: nothing,
      halt: nothing,
      kill: nothing,
      restart: nothing,
    };
  }
  need('java', 'apt-get install default-jre-headless');
  const folder = tempFolder('kafka');
  const port = await freePort();
  return startService(port, folder, `${ROOT}scripts/services`, ['kafka', 'run', String(port), folder.path]);
}

/** PostgreSQL, a server of our own; `url` is what the relay's file takes. */
export async function startPostgres(): Promise<Service & { url: string }> {
  const folder = tempFolder('postgres');
  const port = await freePort();
  const args = ['postgres', 'run', String(port), folder.path];
  const service = await startService(port, folder, `${ROOT}scripts/services`, args);
  const url = `postgres://coldwatch@127.0.0.1:${port}/postgres`;
  // Its port is open before it answers.
  await until('PostgreSQL to answer', 60_000, async () => {
    const client = new pg.Client(url);
    client.on('error', () => {});
    await client.connect();
    await client.end();
    return true;
  });
  return { ...service, url };
}

/** Room for what the tests send while nobody takes it; Mosquitto's own default is 1,000 messages. */
const ROOMY = 'max_queued_messages 100000';

/** Mosquitto with persistent sessions, as a clinic's broker has them. */
export async function startMosquitto(settings = ROOMY): Promise<Service> {
  need('mosquitto', 'apt-get install mosquitto');
  const folder = tempFolder('mosquitto');
  const port = await freePort();
  const config = `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location ${folder.path}/\nautosave_interval 1\n${settings}\n`;
  writeFileSync(`${folder.path}/mosquitto.conf`, `user root\n${config}`);
  return startService(port, folder, 'mosquitto', ['-c', `${folder.path}/mosquitto.conf`]);
}

async function startService(
  port: number,
  folder: ReturnType<typeof tempFolder>,
  command: string,
  args: string[],
) {
  let child: ChildProcess;
  const start = async () => {
    let said = '';
    child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr!.on('data', (bytes) => {
      said = (said + bytes).slice(-2000);
    });
    child.stdout!.resume();
    await until(`${command} on port ${port}`, 90_000, () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${said}`);
      return answers(port);
    });
  };
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  };
  await start();
  const service: Service = {
    address: `127.0.0.1:${port}`,
    port,
    stop: async () => {
      await end('SIGTERM');
      folder.remove();
    },
    halt: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    restart: start,
  };
  return service;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
    socket.once('connect', () => socket.destroy());
  });
}
