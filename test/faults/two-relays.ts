import { encodeBatch } from '../../core/contract/batch.js';
import { TOPICS } from '../../core/contract/messages.js';
import { generator } from '../../core/random.js';
import { until } from '../world/run/programs.js';
import { followKafka } from '../world/run/read-log.js';
import { startRelay, type TestRelay } from '../world/run/relay.js';
import { tempFolder } from '../world/run/services.js';

/*
 * Two relay programs on one Kafka. One is stopped (SIGSTOP) at a moment inside its commits, past its session; the other
 * opens its lanes; the first wakes and goes on where it was. Whatever was answered with "held" must be there once for a
 * read_committed reader, and nothing twice.
 */
export interface StopOutcome {
  seed: number;
  rows: number;
  lost: number;
  duplicated: number;
  wrong: number;
  /** Requests that were under way when their relay stopped. */
  cut: number;
  seconds: number;
}

/** How many gateways send (each with one sensor), and what their relays' Kafka is like. */
export interface Shape {
  gateways: number;
  kafka: { lanes: number; partitions: number };
}
/** All in one place: one sensor, one lane, one partition. */
export const ONE: Shape = { gateways: 1, kafka: { lanes: 1, partitions: 1 } };
export const MANY: Shape = { gateways: 6, kafka: { lanes: 4, partitions: 6 } };

const ROWS_MAX = 200;
const START = 1_770_000_000_000;
const ANSWER_MS = 2000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const milli = (seq: number) => 4000 + (seq % 997);

/** Counts what a reader of committed records sees, from when it began. */
class Oracle {
  readonly #seen = new Map<string, Map<number, { times: number; value: number }>>();
  readonly #reader: ReturnType<typeof followKafka>;

  constructor(broker: string) {
    this.#reader = followKafka(broker, TOPICS.temperature, ({ message }) => this.#take(message as never));
  }

  #take({ gateway, seq, value }: { gateway: string; seq: number; value: number }): void {
    const rows = this.#seen.get(gateway) ?? new Map<number, { times: number; value: number }>();
    this.#seen.set(gateway, rows);
    rows.set(seq, { times: (rows.get(seq)?.times ?? 0) + 1, value });
  }

  of(gateway: string): ReadonlyMap<number, { times: number; value: number }> {
    return this.#seen.get(gateway) ?? new Map();
  }

  async close(): Promise<void> {
    this.#reader.stop();
    await this.#reader.ended;
  }
}

/** A gateway that sends range after range, again after any doubt, to whichever relay takes it. */
class Sender {
  readonly name: string;
  readonly #relays: readonly TestRelay[];
  readonly #random: () => number;
  /** The relay that it sends to. */
  at: number;
  held = 0;
  cut = 0;

  constructor(name: string, relays: readonly TestRelay[], random: () => number) {
    this.name = name;
    this.#relays = relays;
    this.#random = random;
    this.at = Math.floor(random() * relays.length);
  }

  /** The last range that may have been taken, and some rows before it that surely were. */
  async send(): Promise<void> {
    const from = Math.max(1, this.held + 1 - Math.floor(this.#random() * 20));
    const to = this.held + 1 + Math.floor(this.#random() * ROWS_MAX);
    const rows = Array.from({ length: to - from + 1 }, (_, i) => ({
      sensor: 's',
      quantity: 'temperature' as const,
      measuredAt: START + (from + i) * 60_000,
      estimated: false,
      milli: milli(from + i),
      quality: 0,
    }));
    const head = { clinic: 'c', gateway: this.name, epoch: 'aaaa000000000000', from, to, backfill: false };
    try {
      const response = await fetch(`${this.#relays[this.at]!.url}/v1/gateways/${this.name}/batches`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(encodeBatch({ ...head, stream: 'readings', rows })),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const answer = (await response.json()) as { held?: [number, number][]; url?: string };
      if (response.status === 200) this.held = Math.max(this.held, answer.held![0]![1]);
      else if (response.status === 421) this.at = this.#relays.findIndex(({ url }) => url === answer.url);
      else await this.#elsewhere();
    } catch {
      this.cut += 1;
      await this.#elsewhere();
    }
  }

  async #elsewhere(): Promise<void> {
    this.at = 1 - this.at;
    await pause(50);
  }
}

/** Two relays that stay while seed after seed is run against them. */
export class TwoRelays {
  readonly #folder = tempFolder('two-relays');
  #oracle!: Oracle;
  readonly #shape: Shape;
  #relays: TestRelay[] = [];

  private constructor(shape: Shape) {
    this.#shape = shape;
  }

  static async start(broker: string, shape: Shape): Promise<TwoRelays> {
    const two = new TwoRelays(shape);
    for (const name of ['a', 'b'])
      two.#relays.push(
        await startRelay(`${two.#folder.path}/${name}`, { kafka: broker, kafkaSettings: shape.kafka }),
      );
    two.#oracle = new Oracle(broker);
    return two;
  }

  async run(seed: number): Promise<StopOutcome> {
    const began = performance.now();
    const random = generator(seed);
    const senders = Array.from(
      { length: this.#shape.gateways },
      (_, i) => new Sender(`s${seed}-${i}`, this.#relays, random),
    );
    let sending = true;
    let ended = false;
    const running = senders.map(async (sender) => {
      while (!ended) await (sending ? sender.send() : pause(5));
    });
    await until('first rows of all', 30_000, () => senders.every(({ held }) => held > 0));
    await pause(random() * 400);
    const victim = await until('a relay that serves some of them', 20_000, async () => {
      const { at, name } = senders[Math.floor(random() * senders.length)]!;
      return (await serves(this.#relays[at]!, name)) ? { at } : undefined;
    });
    const [stopped, other] = [this.#relays[victim.at]!, this.#relays[1 - victim.at]!];
    process.kill(stopped.program.pid, 'SIGSTOP');
    // Whether or not gateways come to the other relay before the first wakes.
    sending = random() < 0.5;
    await until('the other relay to have opened all lanes', 40_000, () => servesAll(other, senders));
    await pause(random() * 300);
    process.kill(stopped.program.pid, 'SIGCONT');
    await pause(random() * 30);
    sending = true;
    const before = senders.map(({ held }) => held);
    await until('more rows of all', 40_000, () =>
      senders.every(({ held }, i) => held > before[i]! + ROWS_MAX),
    );
    ended = true;
    await Promise.all(running);
    await until('both relays', 40_000, () => Promise.all(this.#relays.map(({ url }) => ready(url))));
    await this.#settle(senders);
    return { seed, ...this.#count(senders), seconds: Math.round((performance.now() - began) / 100) / 10 };
  }

  /** Until the reader has all that is due, or no more comes. */
  async #settle(senders: readonly Sender[]): Promise<void> {
    const due = () => senders.every(({ name, held }) => this.#oracle.of(name).size >= held);
    await until('the reader', 15_000, due).catch(() => {});
    await pause(200);
  }

  #count(senders: readonly Sender[]) {
    const sums = { rows: 0, lost: 0, duplicated: 0, wrong: 0, cut: 0 };
    for (const { name, held, cut } of senders) {
      const seen = this.#oracle.of(name);
      sums.rows += held;
      sums.cut += cut;
      for (let seq = 1; seq <= held; seq++) if (!seen.has(seq)) sums.lost += 1;
      for (const [seq, { times, value }] of seen) {
        if (times > 1) sums.duplicated += 1;
        if (value !== milli(seq) / 1000) sums.wrong += 1;
      }
    }
    return sums;
  }

  async close(): Promise<void> {
    await this.#oracle.close();
    await Promise.all(this.#relays.map(({ program }) => program.kill()));
    this.#folder.remove();
  }
}

const ready = async (url: string) =>
  (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) })).ok;

const serves = async ({ url }: TestRelay, gateway: string) =>
  (await fetch(`${url}/v1/gateways/${gateway}/progress`, { signal: AbortSignal.timeout(ANSWER_MS) }))
    .status === 200;

const servesAll = async (relay: TestRelay, senders: readonly Sender[]) =>
  (await Promise.all(senders.map(({ name }) => serves(relay, name)))).every(Boolean);

export const isSound = ({ lost, duplicated, wrong }: StopOutcome) => lost + duplicated + wrong === 0;
