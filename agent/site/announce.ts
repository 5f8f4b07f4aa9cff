import { z } from 'zod';
import type { Clock } from '../../core/clock/clock.js';
import type { SensorBody } from '../../core/contract/sensors.js';
import { idSchema } from '../../core/identity.js';
import { fromMilli, QUANTITIES, type Quantity } from '../../core/units.js';
import type { Ring } from '../ring/port.js';
import { contactRule } from './contact-rule.js';
import { innermostLimits } from './limits.js';
import type { ResolvedSensor, ResolvedSite } from './resolve.js';
import type { ContactConfig } from './schema.js';

const STATE = 'announced';
/** What was announced of each sensor, and by which event of which ring. */
const announcedSchema = z.array(
  z.strictObject({ sensor: idSchema, said: z.string(), epoch: z.string(), seq: z.int() }),
);
type Announced = z.output<typeof announcedSchema>;

/**
 * Tells whoever reads the log what each sensor is and between which values it should be: at a start, of those that are
 * new or changed since they were last announced, and of those that are no more. Events, so once and in order. While an
 * announcement is in the ring, a relay that lost its memory gets it again; once it has made room for others, it is
 * announced anew.
 */
export function announceSensors(site: ResolvedSite, ring: Ring, clock: Clock): void {
  const before = announcedSchema.catch([]).parse(ring.loadState(STATE) ?? []);
  const known = new Map(before.map((entry) => [entry.sensor, entry]));
  const at = new Date(clock.wall()).toISOString();
  const tail = ring.tail('events');
  const now: Announced = [];
  let changed = false;
  for (const [sensor, is] of sensorBodies(site)) {
    const said = JSON.stringify(is);
    const last = known.get(sensor);
    known.delete(sensor);
    if (last?.said === said && last.epoch === ring.epoch && last.seq >= tail) {
      now.push(last);
      continue;
    }
    const seq = ring.appendEvent({ type: 'sensor', sensor, at, is });
    now.push({ sensor, said, epoch: ring.epoch, seq });
    changed = true;
  }
  for (const sensor of known.keys()) {
    ring.appendEvent({ type: 'sensor', sensor, at, is: null });
    changed = true;
  }
  if (changed) ring.saveState(STATE, now);
}

function sensorBodies({ config, sensors }: ResolvedSite): [string, SensorBody][] {
  const clinic_name = config.clinic.name;
  return [
    ...sensors.map((sensor): [string, SensorBody] => [sensor.id, { clinic_name, ...sensorBody(sensor) }]),
    ...config.contacts.map((contact): [string, SensorBody] => [
      contact.id,
      { clinic_name, ...contactBody(contact) },
    ]),
  ];
}

function sensorBody(sensor: ResolvedSensor): Omit<SensorBody, 'clinic_name'> {
  const { name, purpose, model, preset, everyMs, allRules } = sensor;
  const limits = innermostLimits(allRules);
  const quantities = new Set([...quantitiesOf(sensor), ...limits.keys()]);
  return {
    name,
    purpose,
    ...(model === undefined ? {} : { model }),
    ...(preset === undefined ? {} : { preset }),
    every_ms: everyMs,
    channels: [...quantities].map((quantity) => channel(quantity, limits)),
  };
}

function contactBody(contact: ContactConfig): Omit<SensorBody, 'clinic_name'> {
  const { id, name = id, role, every } = contact;
  const channels = [channel('contact', innermostLimits([contactRule(contact)]))];
  return { name, purpose: role, every_ms: every, channels };
}

function channel(quantity: Quantity, limits: ReturnType<typeof innermostLimits>) {
  const [low, high] = limits.get(quantity) ?? [null, null];
  const shown = (milli: number | null) => (milli === null ? null : fromMilli(milli));
  return { quantity, unit: QUANTITIES[quantity], low: shown(low), high: shown(high) };
}

/** What the device measures at the place that the sensor names. */
function quantitiesOf({ device, source }: ResolvedSensor): Quantity[] {
  const protocol = device?.protocol;
  if (protocol?.transport === 'w1') return ['temperature'];
  const wanted =
    ('channel' in source ? source.channel : undefined) ??
    (protocol && 'default_channel' in protocol ? protocol.default_channel : undefined);
  const values: { quantity: Quantity; channel?: string | undefined }[] = [
    ...('values' in source ? (source.values ?? []) : []),
    ...(protocol && 'values' in protocol ? protocol.values : []),
    ...(protocol && 'registers' in protocol ? protocol.registers : []),
    ...(protocol && 'frame' in protocol ? (protocol.frame?.fields ?? []) : []),
  ];
  return values
    .filter((value) => wanted === undefined || value.channel === undefined || value.channel === wanted)
    .map(({ quantity }) => quantity);
}
