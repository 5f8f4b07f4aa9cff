import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Clock, sleep } from '../../core/clock/clock.js';
import { messageOf } from '../../core/errors.js';
import type { Modem } from '../annunciate/sms/modem.js';
import type { Lines } from '../drivers/driver.js';
import { RelayHttp } from '../forward/http.js';
import type { ResolvedSite } from '../site/resolve.js';
import { type Check, fail, pass, skipped } from './check.js';

type Config = ResolvedSite['config'];

const YEAR_2025_MS = Date.UTC(2025, 0, 1);
const SYNCS = 20;
/** A card slower than this is worn out or a counterfeit; the agent copes, but it will not last. */
const SYNC_SLOW_MS = 500;
const BEEP_MS = 400;
const BROKER_MS = 5000;
const RELAY_MS = 10_000;
const MODEM_MS = 40_000;

export function clockCheck(clock: Clock): Check {
  const now = new Date(clock.wall()).toISOString();
  if (clock.wall() < YEAR_2025_MS)
    return fail('clock', `it says ${now}: connect the internet once, or set it`);
  return clock.synchronised()
    ? pass('clock', `${now}, set`)
    : fail(
        'clock',
        `it says ${now} and has not been set since the start: readings wait up to 10 min for the time`,
      );
}

export function diskCheck({ data, ring }: Config, clock: Clock): Check {
  try {
    mkdirSync(data, { recursive: true });
    const { bavail, bsize } = statfsSync(data);
    const freeMb = Math.floor((bavail * bsize) / 1024 / 1024);
    const syncMs = slowestSync(data, clock);
    const seen = `${freeMb} MB free in ${data}, slowest of ${SYNCS} writes ${Math.round(syncMs)} ms`;
    if (freeMb < ring.size_mb * 2)
      return fail('disk', `${seen}: the ring wants ${ring.size_mb * 2} MB, make room`);
    return syncMs > SYNC_SLOW_MS ? fail('disk', `${seen}: replace the card`) : pass('disk', seen);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      return fail('disk', `the card is full: take files away until ${data} has ${ring.size_mb * 2} MB`);
    return fail('disk', `${messageOf(error)}: ${data} must be on a partition that can be written`);
  }
}

function slowestSync(folder: string, clock: Clock): number {
  const file = join(folder, '.doctor');
  const fd = openSync(file, 'w');
  try {
    let slowest = 0;
    for (let i = 0; i < SYNCS; i++) {
      const began = clock.mono();
      writeSync(fd, Buffer.alloc(4096, i));
      fsyncSync(fd);
      slowest = Math.max(slowest, clock.mono() - began);
    }
    return slowest;
  } finally {
    closeSync(fd);
    rmSync(file, { force: true });
  }
}

/** Sounds the buzzer and lights the lamp: a person must say whether they did. */
export async function lineChecks(
  { lines: config }: Config,
  lines: () => Lines,
  clock: Clock,
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const what of ['buzzer', 'lamp'] as const) {
    const line = config[what];
    if (!line) continue;
    try {
      const output = lines().output(line);
      output.write(true);
      await sleep(clock, BEEP_MS);
      output.write(false);
      output.close();
      checks.push(
        pass(what, what === 'buzzer' ? 'it beeped: did you hear it?' : 'it blinked: did you see it?'),
      );
    } catch (error) {
      checks.push(fail(what, messageOf(error)));
    }
  }
  const button = config.acknowledge_button;
  if (button) {
    try {
      const input = lines().input(button, () => {});
      const pressed = input.read();
      input.close();
      checks.push(
        pressed
          ? fail('acknowledge button', 'it reads as pressed: check its wiring, or turn `active` round')
          : pass('acknowledge button', 'open'),
      );
    } catch (error) {
      checks.push(fail('acknowledge button', messageOf(error)));
    }
  }
  return checks;
}

export async function brokerCheck({ mqtt }: Config): Promise<Check[]> {
  if (mqtt?.url === undefined) return [];
  const { hostname, port, protocol } = new URL(mqtt.url);
  const at = `${hostname}:${port || (protocol === 'mqtts:' ? 8883 : 1883)}`;
  const problem = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ host: hostname, port: Number(at.split(':').at(-1)), timeout: BROKER_MS });
    const end = (why: string | undefined) => {
      socket.destroy();
      resolve(why);
    };
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end('no answer'));
    socket.once('error', (error) => end(messageOf(error)));
  });
  return [
    problem === undefined
      ? pass('MQTT broker', `${at} takes connections`)
      : fail('MQTT broker', `${at}: ${problem}. Is it running, and is mqtt.url right?`),
  ];
}

export async function relayCheck({ relay, gateway }: Config, clock: Clock): Promise<Check> {
  if (!relay) return skipped('relay', 'none is configured: this gateway works alone');
  const { host } = new URL(relay.url);
  try {
    const http = new RelayHttp({ ...relay, deadline: RELAY_MS }, clock, 1);
    const { status } = await http.get(`/v1/gateways/${gateway}/progress`).finally(() => http.close());
    if (status === 200 || status === 421) return pass('relay', `${host} knows this gateway`);
    if (status === 401 || status === 403)
      return fail('relay', `${host} refuses this gateway: check its token or certificate`);
    return fail('relay', `${host} answers ${status}: ask who runs it`);
  } catch (error) {
    return fail('relay', `${host}: ${messageOf(error)}. Readings are kept here until it answers`);
  }
}

/** Signal and network of the modem, and a text to one person on request. */
export async function modemChecks(
  modem: Modem,
  to: { name: string; phone: string } | undefined,
  text: string,
  clock: Clock,
): Promise<Check[]> {
  let waiting = 0;
  modem.start(() => {
    waiting += 1;
  });
  const end = clock.mono() + MODEM_MS;
  while (!modem.status().ready && clock.mono() < end) await sleep(clock, 200);
  const { ready, signal, problem } = modem.status();
  const checks = [
    ready
      ? pass('SMS modem', `registered, signal ${signal ?? 'unknown'} of 31`)
      : fail('SMS modem', `${problem ?? 'not ready'}: check SIM, antenna and port`),
  ];
  if (ready && to) {
    const sent = await modem.send(to.phone, text).then(
      () => pass(`text to ${to.name}`, 'the network took it: has it arrived?'),
      (error: unknown) => fail(`text to ${to.name}`, messageOf(error)),
    );
    checks.push(sent);
  }
  await modem.stop();
  if (waiting > 0)
    checks.push(
      pass('texts', `${waiting} were waiting and were read: what was meant for the agent must be sent again`),
    );
  return checks;
}
