import type { Clock } from '../../core/clock/clock.js';
import { Modem } from '../annunciate/sms/modem.js';
import { PinMemory } from '../annunciate/sms/pin.js';
import type { Ring } from '../ring/port.js';
import type { ResolvedSite } from '../site/resolve.js';

/** Undefined for a site without one. */
export function openModem(
  { sms }: ResolvedSite['config'],
  clock: Clock,
  onProblem: (problem: string) => void,
  /** Where it is noted which PIN was tried; without it none is. */
  ring?: Ring,
): Modem | undefined {
  const memory =
    ring &&
    new PinMemory({
      load: () => ring.loadState('sim_pin'),
      save: (note) => ring.saveState('sim_pin', note),
      saveDurably: (note) => ring.saveDurably('sim_pin', note),
    });
  return (
    sms &&
    new Modem({
      open: async () => {
        const { openSerialLink } = await import('../annunciate/sms/serial-link.js');
        return openSerialLink(sms.port, sms.baud);
      },
      pin: sms.pin === undefined || !memory ? undefined : { code: sms.pin, memory },
      clock,
      onProblem,
    })
  );
}
