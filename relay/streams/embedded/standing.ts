import { touch } from '../../../core/bounded.js';
import { type AlertMessage, placeOf, TOPICS } from '../../../core/contract/messages.js';
import { ALERTS_BACK_MS, RELAY_GATEWAY, RULE } from '../../alerts/port.js';
import { Decoder } from '../../log/decode.js';
import type { Log } from '../../log/port.js';

/** An alert is in the log at most so long after what it is about: what was found waits for a flush and a look. */
const TOLD_MS = 60_000;
/** As many as the relay keeps open. */
const STANDING_MAX = 20_000;

/** What streams found before what is read again after a start, and has not ended. */
export interface Begun {
  kind: string;
  clinic: string;
  /** As alerts name it (`idOf`). */
  subject: string;
  sinceMs: number;
  value: number;
}

/** The relay's own alerts that stand and were raised by streams before `beforeMs`: their ends are still to be found. */
export async function begunBefore(log: Log, beforeMs: number, nowMs: number): Promise<Begun[]> {
  const open = new Map<string, Begun>();
  const decoder = new Decoder([TOPICS.alerts]);
  await log.read([TOPICS.alerts], nowMs - ALERTS_BACK_MS, (records) => {
    for (const { value, record } of decoder.decode(records)) {
      if (value?.gateway !== RELAY_GATEWAY || !value.rule.startsWith(RULE)) continue;
      const name = `${value.rule}/${placeOf(value)}/${value.sensor}`;
      open.delete(name);
      if (value.state !== 'cleared' && record.arrivedMs < beforeMs + TOLD_MS)
        touch(open, name, STANDING_MAX, () => begun(value));
    }
  });
  return [...open.values()];
}

const begun = ({ rule, clinic, region, sensor, since, kpi }: AlertMessage): Begun => ({
  kind: rule.slice(RULE.length),
  clinic: placeOf({ clinic, region }),
  subject: sensor,
  sinceMs: Date.parse(since),
  value: kpi.value ?? 0,
});
