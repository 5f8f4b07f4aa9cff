import type { AlertMessage, ReadingMessage } from '../../core/contract/messages.js';
import { placeOf, TOPICS } from '../../core/contract/messages.js';
import type { Purpose, SensorMessage } from '../../core/contract/sensors.js';
import { Decoder } from '../log/decode.js';
import type { StoredRecord } from '../log/port.js';

/** What it shows. */
export const SHOWN = [TOPICS.temperature, TOPICS.status, TOPICS.alerts, TOPICS.sensors] as const;
/** Points of each sensor kept for its chart; sensors beyond the bound are counted, not kept. */
const POINTS_MAX = 360;
const SENSORS_MAX = 5000;
/** Names and limits: of every sensor of a large fleet, some hundred bytes each. */
const ANNOUNCED_MAX = 50_000;
/** Episodes that are over make room first. */
const EPISODES_MAX = 200;
/** Around an episode, what its chart shows. */
const BEFORE_MS = 3_600_000;
const AFTER_MS = 1_800_000;
/** Where nobody has announced how often a sensor is heard: the middle of its last intervals. */
const INTERVALS = 9;

type Point = [ms: number, value: number];

interface Seen {
  key: string;
  clinic: string;
  gateway: string;
  sensor: string;
  quantity: string;
  unit: string;
  /** Ascending. */
  points: Point[];
  last: { at: number; value: number; quality: string };
}

/** What is known of a sensor beside its readings; null where its gateway has not said. */
interface Named {
  name: string;
  clinic_name: string;
  purpose: Purpose;
  every_ms: number | null;
  low: number | null;
  high: number | null;
}
export type SensorView = Seen & Named;

interface Episode {
  alert: AlertMessage;
  points: Point[];
}
export type EpisodeView = AlertMessage & Omit<Named, 'every_ms'> & { points: Point[] };

/** What the dashboard shows, built from the log alone, so that any relay shows the same. */
export class LiveView {
  readonly #sensors = new Map<string, Seen>();
  /** By episode, and by clinic and sensor: the alert that opened or last changed each. */
  readonly #episodes = new Map<string, Episode>();
  readonly #announced = new Map<string, SensorMessage>();
  readonly #decoder = new Decoder(SHOWN);
  readonly #changed = new Set<string>();
  readonly #listeners = new Set<(update: unknown) => void>();
  /** Sensors that had no room. */
  readonly #beyond = new Set<string>();

  take(records: readonly StoredRecord[]): void {
    for (const { topic, value, record } of this.#decoder.decode(records)) {
      if (topic === TOPICS.sensors) this.#announce(record.key, value);
      else if (value === null) continue;
      else if (topic === TOPICS.alerts) this.#alert(value);
      else this.#reading(value);
    }
  }

  #announce(key: string, message: SensorMessage | null): void {
    if (message === null) {
      this.#announced.delete(key);
      return;
    }
    const known = this.#announced.get(key);
    // What stands in the topic and what is new are read side by side.
    if (known ? known.announced_at > message.announced_at : this.#announced.size >= ANNOUNCED_MAX) return;
    this.#announced.set(key, message);
    for (const { quantity } of message.channels) this.#changed.add(`${key}/${quantity}`);
  }

  #reading(message: ReadingMessage): void {
    const { clinic, gateway, sensor, quantity, unit, value, quality, measured_at } = message;
    const key = `${clinic}/${sensor}/${quantity}`;
    const last = { at: measured_at, value, quality };
    let seen = this.#sensors.get(key);
    if (!seen) {
      if (this.#sensors.size >= SENSORS_MAX) {
        if (this.#beyond.size < ANNOUNCED_MAX) this.#beyond.add(key);
        return;
      }
      seen = { key, clinic, gateway, sensor, quantity, unit, points: [], last };
      this.#sensors.set(key, seen);
    }
    if (measured_at >= seen.last.at) seen.last = last;
    this.#changed.add(key);
    if (quality === 'bad') return;
    insert(seen.points, [measured_at, value]);
    if (quantity === 'temperature') this.#intoEpisodes(message);
  }

  #intoEpisodes({ clinic, sensor, measured_at, value }: ReadingMessage): void {
    for (const episode of this.#episodes.values()) {
      if (episode.alert.clinic !== clinic || episode.alert.sensor !== sensor) continue;
      const [from, to] = spanOf(episode.alert);
      if (measured_at >= from && measured_at <= to) insertWhole(episode, [measured_at, value]);
    }
  }

  #alert(alert: AlertMessage): void {
    const known = this.#episodes.get(alert.episode_id);
    // A log that was written twice, or read from two places: what is older says nothing new.
    if (known && isOlder(alert, known.alert)) return;
    const [from, to] = spanOf(alert);
    const points = (known?.points ?? []).filter(([at]) => at <= to);
    const seen = this.#sensors.get(`${alert.clinic}/${alert.sensor}/temperature`);
    for (const point of seen?.points ?? []) if (point[0] >= from && point[0] <= to) insert(points, point);
    this.#episodes.delete(alert.episode_id);
    this.#episodes.set(alert.episode_id, { alert, points });
    if (this.#episodes.size > EPISODES_MAX) this.#dropEpisode();
    for (const listener of this.#listeners)
      listener({ type: 'alert', alert: this.#episodeView({ alert, points }) });
  }

  /** The oldest that is over; of open ones the oldest, when all are. */
  #dropEpisode(): void {
    const all = [...this.#episodes];
    const [id] = all.find(([, { alert }]) => alert.state === 'cleared') ?? all[0]!;
    this.#episodes.delete(id);
  }

  #named(clinic: string, sensor: string, quantity: string): Named {
    const announced = this.#announced.get(`${clinic}/${sensor}`);
    const channel = announced?.channels.find((one) => one.quantity === quantity);
    return {
      name: announced?.name ?? sensor,
      clinic_name: announced?.clinic_name ?? clinic,
      purpose: announced?.purpose ?? 'other',
      every_ms: announced?.every_ms ?? null,
      low: channel?.low ?? null,
      high: channel?.high ?? null,
    };
  }

  #sensorView(seen: Seen): SensorView {
    const named = this.#named(seen.clinic, seen.sensor, seen.quantity);
    return { ...seen, ...named, every_ms: named.every_ms ?? cadenceOf(seen.points) };
  }

  #episodeView({ alert, points }: Episode): EpisodeView {
    const { every_ms: _, ...named } = this.#named(placeOf(alert), alert.sensor, 'temperature');
    return { ...alert, ...named, points };
  }

  snapshot() {
    return {
      type: 'snapshot',
      sensors: [...this.#sensors.values()].map((seen) => this.#sensorView(seen)),
      sensors_beyond: this.#beyond.size,
      alerts: [...this.#episodes.values()].map((episode) => this.#episodeView(episode)),
    };
  }

  /** Everything again, to whoever looks: for once history is there. */
  showAll(): void {
    this.#changed.clear();
    for (const listener of this.#listeners) listener(this.snapshot());
  }

  /** Sends what changed since the last call to whoever listens; called a few times a second. */
  flush(): void {
    const changed = [...this.#changed].flatMap((key) => this.#sensors.get(key) ?? []);
    this.#changed.clear();
    if (changed.length === 0 || this.#listeners.size === 0) return;
    const sensors = changed.map((seen) => ({ ...this.#sensorView(seen), points: seen.points.slice(-3) }));
    for (const listener of this.#listeners) listener({ type: 'readings', sensors });
  }

  get watched(): boolean {
    return this.#listeners.size > 0;
  }

  clear(): void {
    for (const all of [this.#sensors, this.#episodes, this.#announced, this.#changed, this.#beyond])
      all.clear();
  }

  listen(listener: (update: unknown) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** Within a ring its numbers say so, else the time. */
const isOlder = (a: AlertMessage, b: AlertMessage) =>
  a.epoch === b.epoch ? a.seq < b.seq : a.timestamp < b.timestamp;

function spanOf(alert: AlertMessage): [from: number, to: number] {
  const end = alert.state === 'cleared' ? Date.parse(alert.timestamp) + AFTER_MS : Number.POSITIVE_INFINITY;
  return [Date.parse(alert.since) - BEFORE_MS, end];
}

function cadenceOf(points: readonly Point[]): number | null {
  const last = points.slice(-INTERVALS - 1);
  const between = last.slice(1).map(([at], i) => at - last[i]![0]);
  return between.length < 2 ? null : between.sort((a, b) => a - b)[between.length >> 1]!;
}

/** Of an episode: the newest points push no others out, for its beginning matters; of two the worse one stays. */
function insertWhole({ alert, points }: Episode, point: Point): void {
  if (points.length >= POINTS_MAX) {
    const limit = alert.kpi.threshold ?? 0;
    const worse = (a: Point, b: Point) => (Math.abs(a[1] - limit) >= Math.abs(b[1] - limit) ? a : b);
    const half = points.flatMap((one, i) => (i % 2 === 1 ? [worse(points[i - 1]!, one)] : []));
    points.splice(0, points.length, ...half);
  }
  insert(points, point);
}

/** Keeps points in order of time however late they come, each once, and no more than the bound. */
function insert(points: Point[], point: Point): void {
  let at = points.length;
  while (at > 0 && points[at - 1]![0] > point[0]) at -= 1;
  const again = at > 0 && points[at - 1]![0] === point[0];
  points.splice(again ? at - 1 : at, again ? 1 : 0, point);
  if (points.length > POINTS_MAX) points.shift();
}
