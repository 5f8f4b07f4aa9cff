import { MINUTE } from '../../../core/durations.js';
import { generator } from '../../../core/random.js';
import type { STREAM_INPUTS } from '../../../relay/streams/embedded/streams.js';

/*
 * Hours of a few clinics as they arrive at the relay: late, repeated and missing rows, back-fill, wrong clocks and a slow
 * link, fridges that nobody announced, freezers, a cabinet and a door with limits of their own, a minute in which nobody
 * says anything, sales and stock. The same seed gives the same hours.
 */

export const SETTINGS = {
  reorder: { 'MMR-10': 20 },
  regions: { coast: { clinics: ['clinic-2', 'clinic-3', 'clinic-9'] } },
};

export interface Input {
  topic: (typeof STREAM_INPUTS)[number];
  key: string;
  value: string;
  arrivedMs: number;
}

/** Minutes of the hour, from and up to, in which something happens. */
type Span = readonly [number, number];

/** What happens in an hour, and when. */
export interface Plan {
  startMs: number;
  /** Marks what is numbered, so that hours on end have nothing in common. */
  epoch: string;
  warming: Span;
  /** Two units of two clinics are out. */
  hot: Span;
  /** Nothing of the first clinic's gateway. */
  missing: Span;
  /** In which nobody sends anything. */
  idleMinute: number;
  /** Measured on the fourth fridges in this time and brought at the end of the hour. */
  backfill: Span;
  thawing: Span;
  announces: boolean;
  cabinetAnnounced: number;
  slowChanged: number;
  /** How far clocks are ahead and behind, and how long the slow link takes. */
  aheadMs: number;
  behindMs: number;
  slowMs: number;
  repeated: number;
  bad: number;
}

export const PLAN: Plan = {
  startMs: Date.UTC(2026, 10, 21, 6),
  epoch: '00000000000000aa',
  warming: [20, 32],
  hot: [40, 52],
  missing: [34, 54],
  idleMinute: 17,
  backfill: [30, 40],
  thawing: [10, 18],
  announces: true,
  cabinetAnnounced: 45,
  slowChanged: 40,
  aheadMs: 86_400_000,
  behindMs: 3_600_000,
  slowMs: 90_000,
  repeated: 0.05,
  bad: 0.03,
};

/** An hour in which the same things happen at other times, more or less of them. */
export function anyPlan(random: () => number, startMs = PLAN.startMs, hour = 0): Plan {
  const whole = (from: number, to: number) => from + Math.floor(random() * (to - from));
  const span = (longest: number): Span => {
    const from = whole(1, 58 - longest);
    return [from, from + whole(0, longest + 1)];
  };
  return {
    startMs: startMs + hour * 60 * MINUTE,
    epoch: (0xaa + hour).toString(16).padStart(16, '0'),
    warming: span(15),
    hot: span(20),
    missing: span(30),
    idleMinute: whole(1, 59),
    backfill: span(25),
    thawing: span(15),
    // Streams know a channel's last limits and those before them: in hours on end they change once.
    announces: hour === 0,
    cabinetAnnounced: whole(0, 59),
    slowChanged: whole(1, 59),
    aheadMs: whole(0, 2 * 86_400_000),
    behindMs: whole(0, 2 * 3_600_000),
    slowMs: whole(0, 600_000),
    repeated: random() * 0.3,
    bad: random() * 0.2,
  };
}

const within = ([from, to]: Span, m: number) => m >= from && m < to;

const input = (topic: Input['topic'], key: string, value: object, arrivedMs: number): Input => ({
  topic,
  key,
  value: JSON.stringify(value),
  arrivedMs,
});

const UNITS = { temperature: 'Cel', humidity: '%RH', contact: '1' };
interface Measured {
  clinic: string;
  gateway: string;
  sensor: string;
  quantity?: keyof typeof UNITS;
  value: number;
  at: number;
  seq: number;
  epoch?: string;
  quality?: string;
  backfill?: boolean;
  arrives?: number;
}

export function reading({ quantity = 'temperature', at, arrives = at + 1000, ...measured }: Measured): Input {
  const { clinic, sensor, quality = 'good', backfill = false } = measured;
  const value = { ...measured, quantity, unit: UNITS[quantity], measured_at: at, quality, backfill };
  const message = { epoch: PLAN.epoch, ...value, time_quality: 'synchronised' };
  const topic = quantity === 'contact' ? 'iot.status' : 'iot.temperature';
  return input(topic, `${clinic}/${sensor}`, message, arrives);
}

function announced(
  clinic: string,
  sensor: string,
  limits: { quantity?: keyof typeof UNITS; low: number | null; high: number | null },
  at: number,
  more: object = {},
): Input {
  const { quantity = 'temperature', low, high } = limits;
  const is = { name: sensor, clinic_name: clinic, purpose: 'other', every_ms: MINUTE };
  const channels = [{ quantity, unit: UNITS[quantity], low, high }];
  const where = { clinic, gateway: 'gw-4', sensor, epoch: '00000000000000aa', seq: 1 };
  return input(
    'iot.sensors',
    `${clinic}/${sensor}`,
    { ...is, channels, ...where, announced_at: at, ...more },
    at,
  );
}

/** What twelve sensors of three clinics gave in an hour, none of which anybody announced. */
function fridges(plan: Plan, random: () => number): Input[] {
  const arrivals: Input[] = [];
  for (let c = 1; c <= 3; c++) {
    for (let s = 1; s <= 4; s++) {
      const [clinic, gateway, sensor] = [`clinic-${c}`, `gw-${c}`, `fridge-${s}`];
      for (let m = 0; m < 60; m++) {
        const at = plan.startMs + m * MINUTE + s * 1000 + Math.floor(random() * 400);
        const warming = s === 1 && within(plan.warming, m) ? (m - plan.warming[0]) * 0.4 : 0;
        // Two units of two clinics.
        const hot = c >= 2 && s % 2 === 1 && within(plan.hot, m);
        // One of these readings comes late and is good: the three minutes were not so bad after all.
        const relieving = hot && c === 3 && s === 3 && m === plan.hot[0] + 7;
        // Nothing of one gateway for a while, and of nobody in one minute.
        if ((c === 1 && within(plan.missing, m)) || m === plan.idleMinute) continue;
        const spike = s === 2 && m % 25 === 9 ? 4 : 0;
        const leap = hot && !relieving ? 8 : 0;
        const value =
          Math.round((4.5 + c / 3 + Math.sin(m / 5) + warming + spike + leap + random() * 0.4) * 1000) / 1000;
        const quality = random() < plan.bad ? 'bad' : 'good';
        // What could not be sent is brought at the end of the hour.
        const backfill = (s === 4 && within(plan.backfill, m)) || relieving;
        const quantity = random() < 0.02 ? 'humidity' : 'temperature';
        const arrives = backfill ? plan.startMs + 59 * MINUTE : at + Math.floor(random() * 30_000);
        const message = reading({
          clinic,
          gateway,
          sensor,
          quantity,
          value,
          at,
          seq: s * 1000 + m,
          epoch: plan.epoch,
          quality,
          backfill,
          arrives,
        });
        arrivals.push(message);
        if (random() < plan.repeated) arrivals.push({ ...message, arrivedMs: arrives + 1 });
      }
    }
  }
  return arrivals;
}

/** A clinic with freezers, a cabinet and a door, each with limits of its own; some are announced late, some change. */
function announcedClinic(plan: Plan, random: () => number): Input[] {
  const { startMs, epoch } = plan;
  const clinic = 'clinic-4';
  const gateway = 'gw-4';
  const limits = [
    announced(clinic, 'freezer-1', { low: -50, high: -15 }, startMs - MINUTE),
    announced(clinic, 'freezer-2', { low: -50, high: -15 }, startMs - MINUTE),
    // Said again, and changed in nothing but its name.
    announced(clinic, 'freezer-2', { low: -50, high: -15 }, startMs + 9 * MINUTE, { name: 'Second' }),
    announced(clinic, 'cabinet', { low: 15, high: 30 }, startMs + plan.cabinetAnnounced * MINUTE),
    announced(clinic, 'door', { quantity: 'contact', low: null, high: 0 }, startMs - MINUTE),
    announced(clinic, 'slow', { low: 2, high: 8 }, startMs - MINUTE, { every_ms: 5 * MINUTE }),
    announced(clinic, 'slow', { low: 2, high: 5 }, startMs + plan.slowChanged * MINUTE + 1, {
      every_ms: 5 * MINUTE,
    }),
  ];
  const arrivals = plan.announces ? limits : [];
  for (let m = 0; m < 60; m++) {
    const at = startMs + m * MINUTE + 500;
    const place = { clinic, gateway, at, epoch };
    const thawing = within(plan.thawing, m) ? 12 : 0;
    const noise = () => Math.round(random() * 300) / 1000;
    arrivals.push(
      reading({ ...place, sensor: 'freezer-1', value: -20 + thawing + noise(), seq: 10_000 + m }),
      reading({ ...place, sensor: 'freezer-2', value: -21 + thawing + noise(), seq: 20_000 + m }),
      reading({ ...place, sensor: 'cabinet', value: 22 + noise(), seq: 30_000 + m }),
      reading({
        ...place,
        sensor: 'door',
        quantity: 'contact',
        value: m % 11 === 3 ? 1 : 0,
        // Its ring is made anew, and gives out the number of the reading before once more.
        ...(m < 30 ? { seq: 40_000 + m } : { epoch: `ff${epoch.slice(2)}`, seq: 39_999 + m }),
      }),
    );
    if (m % 5 === 2) arrivals.push(reading({ ...place, sensor: 'slow', value: 6, seq: 50_000 + m }));
  }
  return arrivals;
}

/** Gateways whose clocks and links are wrong: they must not disturb the others. */
function strangers({ startMs, epoch, aheadMs, behindMs, slowMs }: Plan): Input[] {
  const wrong = { 'gw-ahead': [aheadMs, 1000], 'gw-behind': [-behindMs, 1000], 'gw-slow': [0, slowMs] };
  return Object.entries(wrong).flatMap(([gateway, [clock, lag]], g) =>
    Array.from({ length: 50 }, (_, m) => {
      const at = startMs + m * MINUTE + 2500 + g * 10;
      const value = 5 + ((m * 7) % 5) / 10;
      const seq = 60_000 + g * 1000 + m;
      const place = { clinic: 'clinic-5', gateway, sensor: `of-${gateway}`, epoch };
      return reading({ ...place, value, at: at + clock!, seq, arrives: at + lag! });
    }),
  );
}

function commerce({ startMs, epoch }: Plan): Input[] {
  const arrivals: Input[] = [];
  for (let c = 1; c <= 3; c++) {
    for (let m = 0; m < 60; m += 3) {
      const [clinic, sku] = [`clinic-${c}`, 'MMR-10'];
      const at = startMs + m * MINUTE;
      const sold = { clinic, sku, quantity: m % 21 === 15 ? 9 : 1 + (m % 3), unit_price: 2, currency: 'KES' };
      const sale = input(
        'pos.sales',
        `${clinic}/${sku}`,
        { ...sold, sold_at: at, event_id: `s-${epoch}-${c}-${m}` },
        at,
      );
      const onHand = m === 57 ? 30 : 40 - m;
      const stock = {
        clinic,
        sku,
        delta: -2,
        on_hand: onHand,
        changed_at: at,
        event_id: `i-${epoch}-${c}-${m}`,
      };
      arrivals.push(sale, { ...sale, arrivedMs: at + 1 });
      arrivals.push(input('erp.inventory', `${clinic}/${sku}`, stock, at));
    }
  }
  return arrivals;
}

/** The hour in the order in which it arrived. */
export function hour(plan: Plan = PLAN, random: () => number = generator(11)): Input[] {
  const all = [
    ...fridges(plan, random),
    ...announcedClinic(plan, random),
    ...strangers(plan),
    ...commerce(plan),
  ];
  return all.sort((a, b) => a.arrivedMs - b.arrivedMs);
}

/** Hours on end, each with its own plan. */
export function hours(seed: number, count: number, startMs = PLAN.startMs): Input[] {
  const random = generator(seed);
  const all = Array.from({ length: count }, (_, i) => hour(anyPlan(random, startMs, i), random)).flat();
  return all.sort((a, b) => a.arrivedMs - b.arrivedMs);
}

/** Moves event time on in every partition; these rows are in no comparison. */
export const clocks = (startMs = PLAN.startMs): Input[] =>
  Array.from({ length: 60 }, (_, i) => {
    const at = startMs + 180 * MINUTE;
    const place = { clinic: 'clock', gateway: 'clock', sensor: `c-${i}`, at, arrives: at };
    const sale = { clinic: 'clock', sku: `c-${i}`, quantity: 1, unit_price: 1, currency: 'KES' };
    return [
      reading({ ...place, value: 5, seq: i + 1 }),
      reading({ ...place, quantity: 'contact', value: 0, seq: 1000 + i }),
      input('pos.sales', `clock/${i}`, { ...sale, sold_at: at, event_id: `clock-${i}` }, at),
    ];
  }).flat();
