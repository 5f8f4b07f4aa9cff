import { MINUTE } from '../../../core/durations.js';
import { generator } from '../../../core/random.js';

/** What a simulated fridge went through; `unsafe_at` is when it has been outside 2 to 8 °C for 30 minutes in a row. */
export interface FleetEvent {
  event_id: string;
  sensor: string;
  kind: string;
  onset: string;
  end: string;
  unsafe_at: string | null;
  benign: boolean;
}

export interface FleetSensor {
  sensor: string;
  startMs: number;
  /** One value a minute; null is a missing sample. */
  values: (number | null)[];
  events: FleetEvent[];
}

const DAY_MIN = 1440;
export const FAULTS = [
  'outage',
  'door_ajar',
  'leak',
  'thermostat_cold',
  'thermostat_warm',
  'stuck',
  'probe',
] as const;
type Fault = (typeof FAULTS)[number];

interface Plan {
  kind: Fault | 'door' | 'restock' | 'defrost';
  from: number;
  to: number;
  strength: number;
}

/**
 * One vaccine fridge for so many days, a value a minute: compressor cycles, a room that warms by day, doors, restocking,
 * defrost, and one fault now and then. Everything follows from the seed.
 */
export function simulateFridge(seed: number, days: number, startMs = Date.UTC(2026, 0, 5)): FleetSensor {
  const random = generator(seed * 7919 + 17);
  const between = (a: number, b: number) => a + (b - a) * random();
  const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const minutes = days * DAY_MIN;
  const fridge = {
    off: between(2.9, 4.0),
    on: 0,
    tau: between(3, 10) * 60,
    capacity: 0,
    lag: between(2, 9),
    noise: between(0.01, 0.08),
    step: random() < 0.5 ? 0.0625 : 0.1,
    room: between(22, 31),
    swing: between(1, 5),
    frostFree: random() < 0.4,
  };
  fridge.on = fridge.off + between(0.9, 2.2);
  // The compressor runs a third to two thirds of the time in its usual room.
  fridge.capacity = ((fridge.room - 4.5) / fridge.tau) * between(1.7, 3.2);
  const plans = planOf(fridge.frostFree, minutes, random, between);
  const sensor = `sim-${seed}`;
  let air = (fridge.off + fridge.on) / 2;
  let load = air;
  let probe = air;
  let running = false;
  let frozen: number | null = null;
  const values: (number | null)[] = [];
  const truth: number[] = [];
  for (let m = 0; m < minutes; m++) {
    const now = (kind: Plan['kind']) => plans.find((p) => p.kind === kind && m >= p.from && m < p.to);
    const room =
      fridge.room + fridge.swing * Math.sin((2 * Math.PI * (m - 600)) / DAY_MIN) + 0.3 * gauss() * 0.1;
    const cold = now('thermostat_cold');
    const warm = now('thermostat_warm');
    const off =
      fridge.off -
      (cold ? cold.strength * Math.min(1, (m - cold.from) / 240) : 0) +
      (warm ? warm.strength : 0);
    const on =
      fridge.on -
      (cold ? cold.strength * Math.min(1, (m - cold.from) / 240) : 0) +
      (warm ? warm.strength : 0);
    if (air > on) running = true;
    if (air < off) running = false;
    const leak = now('leak');
    const capacity = fridge.capacity * (leak ? Math.max(0, 1 - (m - leak.from) / leak.strength) : 1);
    const defrost = now('defrost');
    const powered = !now('outage');
    const cooling = running && powered && !defrost ? capacity : 0;
    const ajar = now('door_ajar');
    const door = now('door');
    const exchange =
      ((room - air) / fridge.tau) * (1 + (ajar ? ajar.strength : 0)) +
      (door ? (room - air) * door.strength : 0);
    const restock = now('restock');
    if (restock && m === restock.from) load += restock.strength;
    air += exchange - cooling + (load - air) * 0.06 + (defrost ? defrost.strength : 0);
    load += (air - load) * 0.012;
    probe += (air - probe) / fridge.lag;
    truth.push(probe);
    values.push(measured(probe, m));
  }
  function measured(at: number, m: number): number | null {
    const fault = plans.find((p) => p.kind === 'probe' && m >= p.from && m < p.to);
    const stuck = plans.some((p) => p.kind === 'stuck' && m >= p.from && m < p.to);
    let value = at + fridge.noise * gauss();
    if (random() < 0.0003) value += between(3, 40) * (random() < 0.5 ? 1 : -1);
    if (fault) {
      const u = random();
      if (fault.strength < 1) return null;
      if (fault.strength < 2) return u < 0.8 ? null : value;
      if (fault.strength < 3) return u < 0.6 ? 85 : value;
      value += 4 * gauss();
    }
    if (random() < 0.002) return null;
    const shown = Math.round(Math.round(value / fridge.step) * fridge.step * 1000) / 1000;
    if (!stuck) frozen = shown;
    return stuck ? frozen : shown;
  }
  return {
    sensor,
    startMs,
    values,
    events: plans.map((plan, i) => eventOf(plan, `${sensor}-${i}`, sensor, truth, startMs)),
  };
}

function planOf(
  frostFree: boolean,
  minutes: number,
  random: () => number,
  between: (a: number, b: number) => number,
): Plan[] {
  const plans: Plan[] = [];
  for (let day = 0; day * DAY_MIN < minutes; day++) {
    for (let n = Math.floor(between(0, 5)); n > 0; n--) {
      const from = Math.floor(day * DAY_MIN + between(7 * 60, 18 * 60));
      plans.push({
        kind: 'door',
        from,
        to: from + 1 + Math.floor(between(0, 4)),
        strength: between(0.03, 0.12),
      });
    }
    if (random() < 0.15) {
      const from = Math.floor(day * DAY_MIN + between(8 * 60, 16 * 60));
      plans.push({ kind: 'restock', from, to: from + 120, strength: between(1, 4.5) });
      plans.push({
        kind: 'door',
        from,
        to: from + Math.floor(between(4, 12)),
        strength: between(0.02, 0.06),
      });
    }
    if (frostFree && random() < 0.6) {
      const from = Math.floor(day * DAY_MIN + between(0, DAY_MIN));
      plans.push({
        kind: 'defrost',
        from,
        to: from + Math.floor(between(15, 30)),
        strength: between(0.08, 0.22),
      });
    }
  }
  // The first days are quiet, so that there is something to know; then a fault about every week.
  for (let at = 4 * DAY_MIN + between(0, 2 * DAY_MIN); at < minutes - 3 * DAY_MIN; ) {
    const kind = FAULTS[Math.floor(random() * FAULTS.length)]!;
    const plan = faultOf(kind, Math.floor(at), between);
    plans.push(plan);
    at = plan.to + between(3, 9) * DAY_MIN;
  }
  return plans;
}

function faultOf(kind: Fault, from: number, between: (a: number, b: number) => number): Plan {
  const lasting = (a: number, b: number, strength: number): Plan => ({
    kind,
    from,
    to: Math.floor(from + between(a, b)),
    strength,
  });
  switch (kind) {
    case 'outage':
      return lasting(120, 600, 1);
    case 'door_ajar':
      return lasting(90, 300, between(3, 9));
    case 'leak': {
      const fades = between(3, 6) * DAY_MIN;
      return { kind, from, to: Math.floor(from + fades), strength: fades };
    }
    case 'thermostat_cold':
      return lasting(480, 1440, between(2.5, 6));
    case 'thermostat_warm':
      return lasting(480, 1440, between(3, 6));
    case 'stuck':
      return lasting(180, 900, 1);
    case 'probe':
      return lasting(120, 480, between(0, 4));
  }
}

function eventOf(
  { kind, from, to }: Plan,
  event_id: string,
  sensor: string,
  truth: number[],
  startMs: number,
): FleetEvent {
  const iso = (m: number) => new Date(startMs + m * MINUTE).toISOString();
  const benign = kind === 'door' || kind === 'restock' || kind === 'defrost';
  let unsafe: number | null = null;
  if (!benign && kind !== 'stuck' && kind !== 'probe') {
    for (let m = from, run = 0; m < Math.min(to + 60, truth.length) && unsafe === null; m++) {
      run = truth[m]! > 8 || truth[m]! < 2 ? run + 1 : 0;
      if (run >= 30) unsafe = m;
    }
  }
  return {
    event_id,
    sensor,
    kind,
    onset: iso(from),
    end: iso(Math.min(to, truth.length)),
    unsafe_at: unsafe === null ? null : iso(unsafe),
    benign,
  };
}

/** The file formats of `coldwatch backtest`: readings as CSV, labels as JSON. */
export function fleetCsv(fleet: readonly FleetSensor[]): string {
  const lines = fleet.flatMap(({ sensor, startMs, values }) =>
    values.map((v, m) => `${sensor},${new Date(startMs + m * MINUTE).toISOString()},${v ?? ''}`),
  );
  return `sensor,ts_utc_iso,temperature_c\n${lines.join('\n')}\n`;
}
