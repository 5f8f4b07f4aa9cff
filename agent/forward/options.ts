import type { Clock } from '../../core/clock/clock.js';
import type { ReadingRow } from '../../core/contract/batch.js';
import type { RingEvent, Summary } from '../../core/contract/messages.js';
import type { Stream } from '../../core/stream.js';
import type { Ring } from '../ring/port.js';
import type { Certified, RelayHttp } from './http.js';
import type { ForwardConfig } from './schema.js';

export interface ForwardOptions {
  config: ForwardConfig;
  clinic: string;
  gateway: string;
  ring: Ring;
  clock: Clock;
  random: () => number;
  /** For a gateway that gets its certificate from the relay. */
  enrolment?: Enrolled | undefined;
  onState: (state: ForwardState) => void;
  /** This row goes no further: it stays in the ring, and people must hear of it. */
  onGivenUp: (row: GivenUp) => void;
}

/** How this gateway comes to its certificate. */
export interface Enrolled {
  readonly identity: Certified | undefined;
  /** Resolves once there is one, or when it is told to stop. */
  obtain(stop: AbortSignal): Promise<void>;
  /** True: there is another one from now on. */
  renewIfDue(http: RelayHttp): Promise<boolean>;
}

/** A row that the relay will never take. */
export interface GivenUp {
  stream: Stream;
  seq: number;
  /** What it is, where it can be read. */
  row: ReadingRow | RingEvent | Summary | undefined;
  why: string;
}

export interface ForwardState {
  connected: boolean;
  problem: string | null;
}
