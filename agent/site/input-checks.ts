import type { PlausibleSpec } from '../../core/detect/plausible.js';
import type { Quantity } from '../../core/units.js';
import type { InputChecks } from '../ingest/ingest.js';
import type { ResolvedSensor } from './resolve.js';

/** °C a minute: a bare probe taken from a freezer into a hot room stays below this. */
const FASTEST: Partial<Record<Quantity, number>> = { temperature: 20 };

/** What ingest must know of a sensor, from its model and the site file. */
export function inputChecksOf({ device, calibration, stuck_after }: ResolvedSensor): InputChecks {
  const stuckMs = stuck_after ?? device?.stuck_after ?? Number.POSITIVE_INFINITY;
  const specs = new Map<Quantity, PlausibleSpec>();
  const plausible = (quantity: Quantity): PlausibleSpec => {
    let spec = specs.get(quantity);
    if (!spec) {
      const rate = device?.max_rate[quantity] ?? FASTEST[quantity] ?? Number.POSITIVE_INFINITY;
      spec = {
        maxPerMinute: rate * 1000,
        stuckMs: quantity === 'temperature' ? stuckMs : Number.POSITIVE_INFINITY,
      };
      specs.set(quantity, spec);
    }
    return spec;
  };
  const repeatMs = device?.protocol.transport === 'mqtt' ? device.protocol.repeats : 0;
  return { validity: device, calibration, plausible, repeatMs };
}
