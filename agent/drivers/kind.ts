import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import type { ResolvedSite } from '../site/resolve.js';
import type { Driver, Lines } from './driver.js';
import type { DurableStore } from './mqtt/mqtt.js';

export interface DriverDeps {
  clock: Clock;
  lines: () => Lines;
  store: DurableStore;
  /** A visit that must leave nothing behind: brokers keep no session for it. */
  passing?: boolean;
  log: Logger;
}

/** One way in which probes are connected; what files may say of it stands in `schema.ts` beside it. */
export interface DriverKind<Needs> {
  /** What a site has of this kind; undefined: nothing, and none of its code is loaded. */
  needs(site: ResolvedSite): Needs | undefined;
  /** Loads the driver's code, which then opens it. */
  load(): Promise<(needs: Needs, deps: DriverDeps) => Driver | Promise<Driver>>;
}
