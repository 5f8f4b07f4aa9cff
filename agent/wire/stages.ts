import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import { Board } from '../ingest/board.js';
import { DeviceTimes } from '../ingest/device-times.js';
import type { RingClient } from '../ring/client.js';
import { alarmSensors } from '../site/alarm-sensors.js';
import type { ResolvedSite } from '../site/resolve.js';
import { GivenUpRows } from '../watch/given-up.js';
import { Heartbeat } from '../watch/heartbeat.js';
import { Starts } from '../watch/starts.js';
import { openAlarm } from './alarm.js';
import { openAnnunciator } from './annunciator.js';
import { openForwarder } from './forwarder.js';
import { openIngest } from './ingest.js';
import { lazyLines } from './lines.js';

export interface Ground {
  site: ResolvedSite;
  ring: RingClient;
  clock: Clock;
  log: Logger;
}

/** Every stage of an agent over its ring, each with what it needs of those before it. Nothing of it runs yet. */
export function openStages(ground: Ground, former: Board | undefined) {
  const { site, ring, clock, log } = ground;
  const lines = lazyLines(site.config.gpio.root, clock);
  const board = new Board(alarmSensors(site));
  if (former) board.takeOver(former);
  const annunciator = openAnnunciator(site, { board, ring, clock, lines, log });
  const alarm = openAlarm(site, { ring, clock, log, annunciator });
  const givenUp = new GivenUpRows({ ring, alarm, clock, log });
  const starts = new Starts({ alarm, clock, log });
  const forward = openForwarder(site, { ring, clock, log, givenUp });
  const heartbeat = new Heartbeat(clock);
  const times = new DeviceTimes(ring);
  const ingest = openIngest(site, { ring, alarm, board, times, heartbeat, clock, log });
  return { ...ground, lines, board, annunciator, alarm, givenUp, starts, forward, heartbeat, times, ingest };
}

export type Stages = ReturnType<typeof openStages>;
