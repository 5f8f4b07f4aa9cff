import type { Logger } from 'pino';
import { logged } from '../../core/errors.js';
import type { Reading } from '../../core/reading.js';
import type { Alarm } from '../alarm/alarm.js';
import type { Receipt } from '../drivers/driver.js';
import type { Ring } from '../ring/port.js';

export interface RecordDeps {
  ring: Pick<Ring, 'head' | 'append' | 'whenKept'>;
  alarm: Pick<Alarm, 'reading'>;
  log: Pick<Logger, 'error'>;
}

/**
 * What becomes of the readings of one payload. The ring and the alarm stand side by side: neither waits for the other,
 * and no fault of the ring keeps a reading from the alarm.
 */
export function record(
  { ring, alarm, log }: RecordDeps,
  readings: readonly Reading[],
  receipt: Receipt | undefined,
): void {
  let kept = true;
  for (const reading of readings) {
    let seq = ring.head('readings');
    try {
      seq = ring.append(reading);
    } catch (error) {
      kept = false;
      log.error(logged(error), 'a reading was not kept');
    }
    alarm.reading(reading, seq);
  }
  // Unconfirmed, a broker keeps what we could not.
  if (receipt && kept) ring.whenKept(receipt);
}
