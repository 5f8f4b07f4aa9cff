import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import { countOf } from '../../core/contract/ranges.js';
import type { ErrorCode } from '../../core/errors.js';
import type { Alarm } from '../alarm/alarm.js';
import { filesCondition, RING_FILES, RING_FULL, storageCondition } from '../alarm/conditions.js';
import type { Forwarder } from '../forward/forward.js';
import type { Ring, RingOptions } from '../ring/port.js';
import { lostOf, nameLost } from './lost.js';

/** What a ring says of itself while it runs. */
export type RingListener = Required<
  Pick<RingOptions, 'onHealth' | 'onFull' | 'onDamage' | 'onLost' | 'onRestored' | 'onVanished' | 'onEvents'>
>;

/** A ring is opened before those whom its news concern: what it says until they are there is told to them then. */
export class RingNews {
  #to: Partial<RingListener> | undefined;
  readonly #untold: ((to: Partial<RingListener>) => void)[] = [];

  /** To open the ring with. */
  readonly listener: RingListener = {
    onHealth: (failure) => this.#tell((to) => to.onHealth?.(failure)),
    onFull: () => this.#tell((to) => to.onFull?.()),
    onDamage: (damage) => this.#tell((to) => to.onDamage?.(damage)),
    onLost: (stream, rows) => this.#tell((to) => to.onLost?.(stream, rows)),
    onRestored: () => this.#tell((to) => to.onRestored?.()),
    onVanished: () => this.#tell((to) => to.onVanished?.()),
    onEvents: () => this.#tell((to) => to.onEvents?.()),
  };

  tell(to: Partial<RingListener>): void {
    this.#to = to;
    for (const say of this.#untold.splice(0)) say(to);
  }

  #tell(say: (to: Partial<RingListener>) => void): void {
    if (this.#to) say(this.#to);
    else this.#untold.push(say);
  }
}

export interface RingListenerDeps {
  ring: Ring;
  alarm: Alarm;
  forward: { forwarder: Forwarder } | undefined;
  clock: Clock;
  log: Logger;
  /** Only a new start can help. */
  onFatal: () => void;
}

/** Who hears of what befalls the ring: the log, the alarm, and, of events that can be sent, the forwarder. */
export function ringListener({ ring, alarm, forward, clock, log, onFatal }: RingListenerDeps): RingListener {
  /** What an earlier start has found stands until the next one. */
  const befell = (rule: keyof typeof RING_FILES) => {
    log.error({ rule }, `the ring: ${RING_FILES[rule]}`);
    alarm.condition(filesCondition(rule, true));
  };
  return {
    onHealth: (failure) => {
      if (failure === null) log.info('the card takes readings again');
      else log.error({ failure }, 'the card does not take readings');
      alarm.condition(storageCondition(failure !== null, failure ?? undefined));
    },
    onFull: () => log.warn({ code: 'ring.full' satisfies ErrorCode }, RING_FULL),
    onDamage: (damage) => {
      log.fatal({ damage }, 'the ring’s file is damaged: starting anew to salvage it');
      onFatal();
    },
    onLost: (stream, rows) => {
      log.error({ stream, rows }, 'stored rows are not as they were written: they are lost');
      nameLost(ring, clock, lostOf(stream, rows));
      const what = `${countOf(rows)} of the ${stream} that it keeps cannot be read any more`;
      alarm.condition(storageCondition(true, what));
    },
    onRestored: () => befell('ring-removed'),
    onVanished: () => {
      befell('ring-vanished');
      const now = new Date(clock.wall()).toISOString();
      ring.appendEvent({ type: 'gap', gap: { reason: 'corrupt', since: now, until: now } });
    },
    onEvents: () => forward?.forwarder.poke(),
  };
}
