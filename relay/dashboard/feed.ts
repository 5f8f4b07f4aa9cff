import { type Clock, every, sleep, type Timer } from '../../core/clock/clock.js';
import { TOPICS } from '../../core/contract/messages.js';
import type { Log, Tail } from '../log/port.js';
import { type LiveView, SHOWN } from './live.js';

/** The page starts with this much history. */
const HISTORY_MS = 86_400_000;
/** The first look waits so long for history; a longer one is shown once it is there. */
const FIRST_LOOK_MS = 2000;
const HISTORY_LOOK_MS = 50;
/** Without anyone looking for so long, reading the log stops; the next look starts it again from history. */
const IDLE_MS = 600_000;
const LOOK_MS = 60_000;

interface Feed {
  tail: Tail;
  /** Resolves once what was there at the start is shown. */
  history: Promise<void>;
  stop: AbortController;
}

/** Feeds the live view from the log while someone looks: a relay that nobody watches reads nothing back. */
export class LiveFeed {
  readonly #log: Log;
  readonly #live: LiveView;
  readonly #clock: Clock;
  readonly #timer: Timer;
  #feed: Promise<Feed> | undefined;
  #lookedAt = 0;

  constructor(log: Log, live: LiveView, clock: Clock) {
    this.#log = log;
    this.#live = live;
    this.#clock = clock;
    this.#timer = every(clock, LOOK_MS, () => void this.#stopWhenIdle());
  }

  /** Someone looks at the page, or asks for its data. Rejects when the log cannot be read. */
  async watch(): Promise<void> {
    this.#lookedAt = this.#clock.mono();
    this.#feed ??= this.#start();
    const { history, stop } = await this.#feed;
    const waiting = new AbortController();
    await Promise.race([history, sleep(this.#clock, FIRST_LOOK_MS, waiting.signal)]);
    waiting.abort();
    if (stop.signal.aborted) throw new Error('the relay stops');
  }

  async #start(): Promise<Feed> {
    this.#live.clear();
    try {
      const since = this.#clock.wall() - HISTORY_MS;
      const tail = await this.#log.tail(SHOWN, since, (records) => this.#live.take(records));
      const stop = new AbortController();
      return { tail, stop, history: this.#history(tail, stop.signal) };
    } catch (error) {
      this.#feed = undefined;
      throw error;
    }
  }

  async #history(tail: Tail, stop: AbortSignal): Promise<void> {
    try {
      // Names do not change for months: they are far behind what is tailed.
      await this.#log.read([TOPICS.sensors], 0, (records) => this.#live.take(records));
      while (!stop.aborted && (await tail.behind()).records > 0)
        await sleep(this.#clock, HISTORY_LOOK_MS, stop);
    } catch {
      // A log that fails is told by /readyz; the page shows what there is.
    }
    this.#live.showAll();
  }

  async #stopWhenIdle(): Promise<void> {
    if (this.#live.watched || this.#clock.mono() - this.#lookedAt < IDLE_MS) return;
    await this.#end();
  }

  async #end(): Promise<void> {
    const feed = await this.#feed?.catch(() => undefined);
    this.#feed = undefined;
    feed?.stop.abort();
    await feed?.tail.stop();
  }

  async stop(): Promise<void> {
    this.#timer.cancel();
    await this.#end();
  }
}
