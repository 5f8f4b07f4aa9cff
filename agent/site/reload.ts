import { statSync } from 'node:fs';
import type { Logger } from 'pino';
import { type Clock, every } from '../../core/clock/clock.js';
import { logged, messageOf } from '../../core/errors.js';
import { type Former, leftBehind } from './left-behind.js';
import { loadSite } from './load.js';
import type { ResolvedSite } from './resolve.js';

/** How often the site file is looked at for a change. */
const SITE_LOOK_MS = 3000;

/** What became of the site file since the program started. */
export interface SiteFile {
  loadedAt: number;
  /** Why a changed file was refused; empty when what runs is what is written. */
  problems: string[];
  /** What the file that was taken last left behind of the one before. */
  leftBehind: string[];
}

/** Where the site file comes from, so that a change is taken while the agent runs. */
export interface SiteSource {
  /** Another text for each state of the file. */
  stamp(): string;
  /** The site, or every problem that it has. */
  load(): { site: ResolvedSite } | { problems: string[] };
}

export function siteSource(file: string): SiteSource {
  return {
    stamp() {
      try {
        const { mtimeMs, size, ino } = statSync(file);
        return `${mtimeMs} ${size} ${ino}`;
      } catch {
        // Between an editor's removal and its rename the file is not there: not a change yet.
        return 'absent';
      }
    },
    load() {
      const loaded = loadSite(file);
      if ('value' in loaded) return { site: loaded.value };
      // What stands there may be a telephone number or a password, and this goes to a log.
      const where = loaded.problems.map(
        (p) => `${p.file}:${p.line}:${p.column} ${p.path}: expected ${p.expected}`,
      );
      return { problems: where };
    },
  };
}

export interface Reloadable {
  /** What a new site file might leave behind. */
  former(): Former;
  stop(): Promise<void>;
}

export interface ReloadDeps<A extends Reloadable> {
  source: SiteSource;
  /** As of the start of the program; kept up to date. */
  file: SiteFile;
  clock: Clock;
  log: Logger;
  /** `before`: what ran until now. `left`: set when a changed file is taken. */
  start(site: ResolvedSite, before?: A, left?: readonly string[]): Promise<A>;
}

/**
 * Keeps an agent running as the site file says. A changed one is a new start: everything is drained and built anew. A bad
 * one is refused and the agent runs on; when it does not start with a good one, the old settings are built again.
 */
export class SiteReload<A extends Reloadable> {
  readonly #deps: ReloadDeps<A>;
  #site: ResolvedSite;
  #agent: A;
  /** Of the file as it was last looked at. */
  #stamp: string;
  #turn: Promise<void> = Promise.resolve();

  static async start<A extends Reloadable>(site: ResolvedSite, deps: ReloadDeps<A>): Promise<SiteReload<A>> {
    return new SiteReload(site, await deps.start(site), deps);
  }

  private constructor(site: ResolvedSite, agent: A, deps: ReloadDeps<A>) {
    this.#site = site;
    this.#agent = agent;
    this.#deps = deps;
    this.#stamp = deps.source.stamp();
  }

  /** Looks for changes until it is cancelled. */
  watch(): { cancel(): void } {
    const { clock, source } = this.#deps;
    return every(clock, SITE_LOOK_MS, () => source.stamp() !== this.#stamp && this.reload());
  }

  readonly reload = (): void => {
    this.#turn = this.#turn.then(() => this.#reload());
  };

  /** After what is under way. */
  async stop(): Promise<void> {
    await this.#turn;
    await this.#agent.stop();
  }

  async #reload(): Promise<void> {
    const { source, file, log } = this.#deps;
    this.#stamp = source.stamp();
    const loaded = source.load();
    file.problems = 'problems' in loaded ? loaded.problems : [];
    for (const problem of file.problems)
      log.error({ problem }, 'the new site file is refused: the old one runs on');
    if ('site' in loaded) await this.#take(loaded.site);
  }

  async #take(site: ResolvedSite): Promise<void> {
    const { file, log, clock, start } = this.#deps;
    const left = leftBehind(this.#agent.former(), site);
    await this.#agent.stop();
    try {
      this.#agent = await start(site, this.#agent, left);
      this.#site = site;
      file.loadedAt = clock.wall();
      file.leftBehind = left;
      for (const what of left) log.warn({ what }, 'the changed site file leaves something behind');
      log.level = site.config.log.level;
      log.info('the changed site file is in force');
    } catch (error) {
      file.problems = [messageOf(error)];
      log.error(logged(error), 'the agent does not start with the new site file: the old one runs on');
      this.#agent = await start(this.#site, this.#agent);
    }
  }
}
