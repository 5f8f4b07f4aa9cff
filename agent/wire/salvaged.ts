import { basename } from 'node:path';
import type { Logger } from 'pino';
import { type Clock, every, type Timer } from '../../core/clock/clock.js';
import { logged } from '../../core/errors.js';
import type { Alarm } from '../alarm/alarm.js';
import { storageCondition } from '../alarm/conditions.js';
import { Forwarder } from '../forward/forward.js';
import { removeDatabase, salvagedFiles, unsaved } from '../ring/aside.js';
import { RingClient } from '../ring/client.js';
import { tidy } from '../ring/recover.js';
import { FOLLOWS, type Follows, REPORT, type Salvage } from '../ring/salvage.js';
import { Salvager } from '../ring/salvager.js';
import type { ResolvedSite } from '../site/resolve.js';
import type { GivenUpRows } from '../watch/given-up.js';
import { lostOf, nameLost } from './lost.js';
import { RingNews } from './ring-news.js';

const LOOK_MS = 10_000;
/** A copy that failed (the card was full) is tried again. */
const AGAIN_MS = 60_000;

export interface SalvagedOptions {
  site: ResolvedSite;
  ring: RingClient;
  alarm: Alarm;
  givenUp: GivenUpRows;
  clock: Clock;
  log: Logger;
}

/**
 * What is left of rings that were damaged, or were kept in memory: rows are copied out of files put aside, named where
 * they cannot be read, and forwarded under their own epoch until the relay holds them all.
 */
export class Salvaged {
  readonly #options: SalvagedOptions;
  readonly #folder: string;
  readonly #open = new Set<{ stop(): Promise<void> }>();
  /** One file at a time: each takes a thread and a place at the relay. */
  readonly #waiting: string[] = [];
  #forwarding = false;
  #again: Timer | undefined;
  #stopped = false;

  constructor(options: SalvagedOptions) {
    this.#options = options;
    this.#folder = options.site.config.data;
  }

  start(): void {
    const { ring, alarm } = this.#options;
    const follows = ring.loadState(FOLLOWS) as Follows | undefined;
    tidy(this.#folder);
    if (follows) this.#report(follows);
    else if (unsaved(this.#folder).length === 0) {
      alarm.condition(storageCondition(false));
    }
    this.#waiting.push(...salvagedFiles(this.#folder));
    void this.#forwardNext();
    void this.#save();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#again?.cancel();
    await Promise.all([...this.#open].map((part) => part.stop()));
  }

  /** This ring follows one that was damaged: once, and in the commit that forgets it, it is said. */
  #report({ why, epoch, lost }: Follows): void {
    const { ring, alarm, clock, log } = this.#options;
    log.error({ why, epoch }, 'the ring was damaged: it was put aside, and a new one was begun');
    const rest =
      epoch === null
        ? 'nothing of it could be read'
        : 'what can be read of it is saved and sent beside the new one';
    if (epoch === null) {
      const at = new Date(clock.wall()).toISOString();
      ring.appendEvent({ type: 'gap', gap: { reason: 'corrupt', since: at, until: at } });
    } else {
      for (const stream of lost) {
        const at = new Date(clock.wall()).toISOString();
        const which = stream === 'readings' ? {} : { stream };
        ring.appendEvent({ type: 'gap', gap: { reason: 'corrupt', epoch, since: at, until: at, ...which } });
      }
    }
    alarm.condition(storageCondition(true, `it was damaged (${why}): ${rest}`));
    ring.saveState(FOLLOWS, null);
  }

  async #save(): Promise<void> {
    const { log } = this.#options;
    let failed = false;
    for (const aside of unsaved(this.#folder)) {
      if (this.#stopped) return;
      const salvager = new Salvager(aside);
      this.#open.add(salvager);
      try {
        const file = await salvager.run();
        if (file !== undefined) this.#waiting.push(file);
        void this.#forwardNext();
      } catch (error) {
        failed = true;
        log.error({ ...logged(error), aside }, 'a damaged ring is not saved yet: it is tried again');
      } finally {
        this.#open.delete(salvager);
      }
    }
    if (failed) this.#saveLater();
  }

  async #forwardNext(): Promise<void> {
    const file = this.#forwarding || this.#stopped ? undefined : this.#waiting.shift();
    if (file === undefined) return;
    this.#forwarding = true;
    const ended = () => {
      this.#forwarding = false;
      void this.#forwardNext();
    };
    try {
      const leftover = await Leftover.open(file, this.#options);
      if (this.#stopped) return await leftover.stop();
      this.#open.add(leftover);
      leftover.run((how) => {
        // Opened again, it is put aside and salvaged once more.
        if (how === 'damaged') this.#waiting.unshift(file);
        void leftover.stop().then(() => {
          this.#open.delete(leftover);
          ended();
        });
      });
    } catch (error) {
      this.#options.log.error({ ...logged(error), file }, 'salvaged rows cannot be read now');
      this.#saveLater();
      ended();
    }
  }

  #saveLater(): void {
    this.#again?.cancel();
    if (!this.#stopped) this.#again = this.#options.clock.after(AGAIN_MS, () => void this.#save());
  }
}

/** The relay holds all of a file, and it is gone; or it turned out to be damaged. */
type Ending = 'done' | 'damaged';

/** One file of rows of an other epoch. Without a relay in the site file it waits. */
class Leftover {
  readonly #options: SalvagedOptions;
  readonly #file: string;
  readonly #ring: RingClient;
  readonly #news: RingNews;
  #forwarder: Forwarder | undefined;
  #look: Timer | undefined;
  #closing: Promise<void> | undefined;

  static async open(file: string, options: SalvagedOptions): Promise<Leftover> {
    const { site, clock } = options;
    const news = new RingNews();
    const ring = await RingClient.open({
      file,
      boot: 'salvaged',
      capacity: Number.MAX_SAFE_INTEGER,
      flushMs: site.config.ring.flush,
      finished: true,
      clock,
      ...news.listener,
    });
    return new Leftover(file, ring, news, options);
  }

  private constructor(file: string, ring: RingClient, news: RingNews, options: SalvagedOptions) {
    this.#file = file;
    this.#ring = ring;
    this.#news = news;
    this.#options = options;
  }

  /** Calls back once: then it is to be stopped. */
  run(onEnd: (how: Ending) => void): void {
    const { ring, clock, log } = this.#options;
    const { epoch } = this.#ring;
    let over = false;
    const end = (how: Ending) => {
      if (!over) onEnd(how);
      over = true;
    };
    this.#news.tell({
      onDamage: () => end('damaged'),
      onLost: (stream, rows) => {
        log.error({ stream, rows, epoch }, 'salvaged rows were damaged again');
        nameLost(ring, clock, lostOf(stream, rows), epoch);
      },
    });
    this.#nameOnce();
    this.#forwarder = this.#openForwarder();
    this.#forwarder?.start();
    this.#look = every(clock, LOOK_MS, () => this.#lookWhetherDone(end));
  }

  /** What this file lacks is named in the ring that runs, which remembers it in the same commit. */
  #nameOnce(): void {
    const { ring, clock, log } = this.#options;
    const report = this.#ring.loadState(REPORT) as Salvage | undefined;
    if (!report || ring.loadState(this.#reported) !== undefined) return;
    log.error({ ...report, epoch: this.#ring.epoch }, 'what could be read of a damaged ring is saved');
    nameLost(ring, clock, report.lost, this.#ring.epoch);
    ring.saveState(this.#reported, true);
  }

  get #reported(): string {
    return `reported.${basename(this.#file)}`;
  }

  #openForwarder(): Forwarder | undefined {
    const { site, clock, givenUp } = this.#options;
    const { relay, clinic, gateway } = site.config;
    if (!relay) return undefined;
    return new Forwarder({
      config: relay,
      clinic: clinic.id,
      gateway,
      ring: this.#ring,
      clock,
      random: Math.random,
      onState: () => {},
      onGivenUp: (row) => givenUp.report(row, this.#ring.epoch),
    });
  }

  #lookWhetherDone(onEnd: (how: Ending) => void): void {
    const { ring, log } = this.#options;
    if (!this.#forwarder?.learned || this.#forwarder.backlog > 0) return;
    log.info({ epoch: this.#ring.epoch }, 'the relay holds all that was salvaged');
    // What it lacks must have been named for good before it goes.
    ring.saveDurably(this.#reported, true).then(
      async () => {
        await this.stop();
        removeDatabase(this.#file);
        ring.saveState(this.#reported, null);
        onEnd('done');
      },
      (error: unknown) => log.warn(logged(error), 'salvaged rows stay until the card takes commits'),
    );
  }

  stop(): Promise<void> {
    this.#closing ??= (async () => {
      this.#look?.cancel();
      await this.#forwarder?.stop(0);
      await this.#ring.close();
    })();
    return this.#closing;
  }
}
