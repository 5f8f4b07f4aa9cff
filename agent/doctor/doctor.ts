import type { Logger } from 'pino';
import { type Clock, sleep } from '../../core/clock/clock.js';
import { messageOf } from '../../core/errors.js';
import { addressed } from '../../core/text/message.js';
import { catalogOf } from '../../core/text/sentence.js';
import { leftBehind } from '../site/left-behind.js';
import type { ResolvedSite } from '../site/resolve.js';
import { seldomNotes, type Told, toldOf } from '../site/told.js';
import { readBoot } from '../watch/boot.js';
import { lazyLines } from '../wire/lines.js';
import { openModem } from '../wire/modem.js';
import { type Check, fail, pass, skipped } from './check.js';
import { formerOf, ringCheck, runningAgent } from './running.js';
import { ownSensors, reportedSensors } from './sensors.js';
import { brokerCheck, clockCheck, diskCheck, lineChecks, modemChecks, relayCheck } from './surroundings.js';

export interface Visit {
  /** How long sensors that report by themselves are waited for. */
  waitMs: number;
  /** Id of the person who gets a test text. */
  textTo: string | undefined;
  /** No beep, no lamp. */
  quiet: boolean;
}

const HELD = 'the running agent holds it: stop the agent first (systemctl stop coldwatch-agent)';

/** Everything that a technician wants to know before leaving, a line at a time. Reads what the agent reads, changes nothing. */
export async function* examine(site: ResolvedSite, visit: Visit, log: Logger): AsyncGenerator<Check> {
  const { config } = site;
  const { clock } = readBoot(config.clock.synchronised_file);
  const lines = lazyLines(config.gpio.root, clock);
  yield clockCheck(clock);
  yield diskCheck(config, clock);
  yield* await brokerCheck(config);
  yield await relayCheck(config, clock);
  for (const told of toldOf(site)) yield toldCheck(told);
  for (const note of seldomNotes(site)) yield skipped('rules', note);
  const running = await runningAgent(config, clock);
  if (running) {
    for (const note of leftBehind(formerOf(running), site)) yield skipped('site file', note);
    if (config.relay) yield ringCheck(running);
    yield* await askUntilHeard(site, visit.waitMs, clock);
    yield skipped('buzzer, lamp, button', HELD);
    if (config.sms) yield skipped('SMS modem', HELD);
    return;
  }
  try {
    yield* await ownSensors(site, lines, visit.waitMs, clock, log);
    if (visit.quiet) yield skipped('buzzer, lamp, button', 'not asked for');
    else yield* await lineChecks(config, lines, clock);
    const modem = openModem(config, clock, () => {});
    const person = config.people.find(({ id }) => id === visit.textTo);
    const text = addressed({ clinicName: config.clinic.name }, catalogOf(config.clinic.language).test);
    if (modem) yield* await modemChecks(modem, person, text, clock);
    else if (visit.textTo !== undefined) yield fail('test text', 'the site file has no sms');
  } catch (error) {
    yield fail('sensors', messageOf(error));
  } finally {
    lines.close();
  }
}

/** What is found and told to nobody is a fault of the site file, unless that says so. */
function toldCheck({ alert, severity, buzzer, texts }: Told): Check {
  const what = `told of ${alert}, ${severity}`;
  const how = [buzzer && `the buzzer ${buzzer}`, texts && `texts ${texts}`].filter((part) => part !== null);
  if (how.length > 0) return pass(what, how.join('; '));
  return skipped(
    what,
    severity === 'info' ? 'nobody, it is for the record' : 'nobody but who looks at the page',
  );
}

const ASK_MS = 1000;

/** An agent that has just started may not have heard all of its sensors yet. */
async function askUntilHeard(site: ResolvedSite, waitMs: number, clock: Clock): Promise<Check[]> {
  const end = clock.mono() + waitMs;
  for (;;) {
    const status = await runningAgent(site.config, clock);
    const checks = status ? reportedSensors(site, status.sensors, clock.wall()) : [];
    const heard = status && checks.every(({ result }) => result !== 'waiting');
    if (heard || clock.mono() >= end) return status ? checks : [fail('agent', 'it has just stopped')];
    await sleep(clock, ASK_MS);
  }
}
