import type { AlertMessage, ReadingMessage } from '../../core/contract/messages.js';
import { TOPICS } from '../../core/contract/messages.js';
import { Decoder } from '../log/decode.js';
import type { StoredRecord } from '../log/port.js';

/** What it shows. */
export const SHOWN = [TOPICS.temperature, TOPICS.status, TOPICS.alerts] as const;
/** Points of each sensor kept for its chart; sensors beyond the bound are counted, not kept. */
export const POINTS_MAX = 360;
export const SENSORS_MAX = 5000;
const ALERTS_MAX = 200;

export interface SensorView {
  key: string;
  clinic: string;
  gateway: string;
  sensor: string;
  quantity: string;
  unit: string;
  /** [ms, value], ascending. */
  points: [number, number][];
  last: { at: number; value: number; quality: string };
}

/** What the dashboard shows, built from the log alone, so that any relay shows the same. */
export class LiveView {
  readonly sensors = new Map<string, SensorView>();
  /** Open episodes by id, and the alert that opened or last changed each. */
  readonly episodes = new Map<string, AlertMessage & { cleared_at?: string }>();
  readonly #decoder = new Decoder(SHOWN);
  readonly #changed = new Set<string>();
  readonly #listeners = new Set<(update: unknown) => void>();
  sensorsBeyond = 0;

  take(records: readonly StoredRecord[]): void {
    for (const { topic, value } of this.#decoder.decode(records)) {
      if (value === null) continue;
      if (topic === TOPICS.alerts) this.#alert(value);
      else this.#reading(value);
    }
  }

  #reading(message: ReadingMessage): void {
    const key = `${message.clinic}/${message.sensor}/${message.quantity}`;
    let view = this.sensors.get(key);
    if (!view) {
      if (this.sensors.size >= SENSORS_MAX) {
        this.sensorsBeyond += 1;
        return;
      }
      const { clinic, gateway, sensor, quantity, unit, value, quality, measured_at } = message;
      view = {
        key,
        clinic,
        gateway,
        sensor,
        quantity,
        unit,
        points: [],
        last: { at: measured_at, value, quality },
      };
      this.sensors.set(key, view);
    }
    if (message.measured_at >= view.last.at) {
      view.last = { at: message.measured_at, value: message.value, quality: message.quality };
    }
    if (message.quality !== 'bad') insert(view.points, [message.measured_at, message.value]);
    this.#changed.add(key);
  }

  #alert(message: AlertMessage): void {
    const known = this.episodes.get(message.episode_id);
    // History and what is new are read side by side.
    if (known && isOlder(message, known)) return;
    const entry = message.state === 'cleared' ? { ...message, cleared_at: message.timestamp } : message;
    this.episodes.delete(message.episode_id);
    this.episodes.set(message.episode_id, entry);
    if (this.episodes.size > ALERTS_MAX) this.episodes.delete(this.episodes.keys().next().value as string);
    for (const listener of this.#listeners) listener({ type: 'alert', alert: entry });
  }

  snapshot() {
    return { type: 'snapshot', sensors: [...this.sensors.values()], alerts: [...this.episodes.values()] };
  }

  /** Everything again, to whoever looks: for once history is there. */
  showAll(): void {
    this.#changed.clear();
    for (const listener of this.#listeners) listener(this.snapshot());
  }

  /** Sends what changed since the last call to whoever listens; called a few times a second. */
  flush(): void {
    if (this.#changed.size === 0) return;
    const sensors = [...this.#changed].map((key) => {
      const { points, ...rest } = this.sensors.get(key)!;
      return { ...rest, points: points.slice(-3) };
    });
    this.#changed.clear();
    for (const listener of this.#listeners) listener({ type: 'readings', sensors });
  }

  get watched(): boolean {
    return this.#listeners.size > 0;
  }

  clear(): void {
    this.sensors.clear();
    this.episodes.clear();
    this.#changed.clear();
  }

  listen(listener: (update: unknown) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** Within a ring its numbers say so, else the time. */
const isOlder = (a: AlertMessage, b: AlertMessage) =>
  a.epoch === b.epoch ? a.seq < b.seq : a.timestamp < b.timestamp;

/** Keeps points in order of time however late they come, each once, and no more than the bound. */
function insert(points: [number, number][], point: [number, number]): void {
  let at = points.length;
  while (at > 0 && points[at - 1]![0] > point[0]) at -= 1;
  const again = at > 0 && points[at - 1]![0] === point[0];
  points.splice(again ? at - 1 : at, again ? 1 : 0, point);
  if (points.length > POINTS_MAX) points.shift();
}
