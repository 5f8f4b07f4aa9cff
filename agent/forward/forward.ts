import { z } from 'zod';
import { type Clock, sleep } from '../../core/clock/clock.js';
import { type Batch, encodeBatch, heldSchema } from '../../core/contract/batch.js';
import { rangeSetSchema } from '../../core/contract/range-schema.js';
import { addRange, countOf, missing, type RangeSet, union } from '../../core/contract/ranges.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import { parseJson } from '../../core/payload.js';
import { retrySchedule } from '../../core/retry.js';
import { STREAMS, type Stream } from '../../core/stream.js';
import type { Ring } from '../ring/port.js';
import { type Answer, RelayHttp } from './http.js';
import { type Plan, planNext } from './plan.js';
import type { ForwardConfig } from './schema.js';

/** Readings older than this when they are sent are marked as back-fill. */
const LATE_MS = 300_000;
const FIRST_RETRY_MS = 1000;
const BATCH_ROWS_MIN = 10;
/** Requests under way at once. */
const REQUESTS_MAX = 3;

/** Relays that send a gateway round in circles are asked again later. */
const MOVES_MAX = 3;

const progressSchema = z.object({ streams: z.array(heldSchema) });
const elsewhereSchema = z.object({ url: z.url({ protocol: /^https?$/ }) });

export interface ForwardOptions {
  config: ForwardConfig;
  clinic: string;
  gateway: string;
  ring: Ring;
  clock: Clock;
  random: () => number;
  onState: (state: ForwardState) => void;
  /** The relay will never take these rows: they stay in the ring, and people must hear of it. */
  onRefused: (stream: Stream, from: number, to: number, why: string) => void;
}

export interface ForwardState {
  connected: boolean;
  problem: string | null;
}

/** Ring → relay. The cursor moves only on the relay's word that it holds a range. */
export class Forwarder {
  readonly #options: ForwardOptions;
  readonly #http: RelayHttp;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #poke = new AbortController();
  #poked = false;
  #rows: number;
  #liveAt = Number.NEGATIVE_INFINITY;
  /** When the backlog may go on: what was sent of it takes its time at the configured rate. */
  #backlogAt = Number.NEGATIVE_INFINITY;
  #known = false;
  readonly #givenUp: Record<Stream, RangeSet>;
  accepted = 0;

  constructor(options: ForwardOptions) {
    this.#options = options;
    this.#http = new RelayHttp(options.config, options.clock, REQUESTS_MAX);
    this.#rows = options.config.batch;
    const stored = (stream: Stream) =>
      rangeSetSchema.catch([]).parse(options.ring.loadState(`refused.${stream}`) ?? []);
    this.#givenUp = {
      readings: stored('readings'),
      events: stored('events'),
      summaries: stored('summaries'),
    };
  }

  get sentBytes(): number {
    return this.#http.sentBytes;
  }

  /** Whether the relay has said what it holds, since the last broken exchange. */
  get learned(): boolean {
    return this.#known;
  }

  /** Rows that the relay does not hold yet. */
  get backlog(): number {
    return STREAMS.reduce((sum, stream) => {
      const { tail, head } = this.#view(stream);
      return sum + (head < tail ? 0 : countOf(missing(this.#done(stream), [tail, head])));
    }, 0);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** There is something that should not wait for the next turn. */
  poke(): void {
    this.#poked = true;
    this.#poke.abort();
  }

  /** Ends after the request under way, or at once when it does not end in `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stop.abort();
    this.#poke.abort();
    const grace = this.#options.clock.after(graceMs, () => this.#http.close());
    await this.#running;
    grace.cancel();
    this.#http.close();
  }

  async #run(): Promise<void> {
    const { clock, config, random } = this.#options;
    const spec = { firstMs: FIRST_RETRY_MS, maxMs: config.backoff_max };
    let delays = retrySchedule(spec, random);
    let moves = 0;
    while (!this.#stop.signal.aborted) {
      try {
        const more = await this.#turn();
        delays = retrySchedule(spec, random);
        this.#options.onState({ connected: true, problem: null });
        if (!more) await this.#wait(this.#pauseMs());
        moves = 0;
      } catch (error) {
        this.#known = false;
        if (error instanceof Moved && this.#http.moveTo(error.url) && ++moves < MOVES_MAX) continue;
        this.#http.moveHome();
        this.#options.onState({ connected: false, problem: messageOf(error) });
        const asked = error instanceof RetryAfter ? error.ms : 0;
        await sleep(clock, Math.max(asked, delays.next().value), this.#stop.signal);
      }
    }
  }

  #pauseMs(): number {
    const untilBacklog = this.#backlogAt - this.#options.clock.mono();
    const { every } = this.#options.config;
    return untilBacklog > 0 ? Math.min(every, untilBacklog) : every;
  }

  async #wait(ms: number): Promise<void> {
    this.#poke = new AbortController();
    if (!this.#poked && !this.#stop.signal.aborted) await sleep(this.#options.clock, ms, this.#poke.signal);
    this.#poked = false;
  }

  /** One round of requests. False when there is nothing to send now. */
  async #turn(): Promise<boolean> {
    if (!this.#known) await this.#learn();
    const plans = this.#plans();
    const [started, before] = [this.#options.clock.mono(), this.#http.sentBytes];
    const outcomes = await Promise.allSettled(plans.map((plan) => this.#send(plan)));
    if (plans[0]?.kind === 'backlog') {
      const kb = (this.#http.sentBytes - before) / 1000;
      this.#backlogAt = started + (kb / this.#options.config.backlog_kb_per_s) * 1000;
    }
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    return plans.length > 0;
  }

  /** Events and fresh readings alone and in order; of a backlog several batches at once, to fill a slow link. */
  #plans(): Plan[] {
    const now = this.#options.clock.mono();
    const liveDue = now - this.#liveAt >= this.#options.config.every;
    const backlogDue = now >= this.#backlogAt;
    const views = {
      events: this.#view('events'),
      readings: this.#view('readings'),
      summaries: this.#view('summaries'),
    };
    const plans: Plan[] = [];
    while (plans.length < REQUESTS_MAX) {
      const plan = planNext(views, this.#rows, { live: liveDue && plans.length === 0, backlog: backlogDue });
      if (!plan) break;
      plans.push(plan);
      if (plan.kind === 'live') this.#liveAt = now;
      if (plan.kind !== 'backlog') break;
      views[plan.stream].settled = addRange(views[plan.stream].settled, plan.range);
    }
    return plans;
  }

  #view(stream: Stream) {
    const { ring } = this.#options;
    return {
      tail: ring.tail(stream),
      head: ring.sendable(stream),
      settled: union(this.#done(stream), ring.withheld(stream)),
    };
  }

  /** What the relay holds or will never take. */
  #done(stream: Stream): RangeSet {
    return union(this.#options.ring.held(stream), this.#givenUp[stream]);
  }

  /** After a start or a broken link: what the relay really holds. */
  async #learn(): Promise<void> {
    const { ring, gateway } = this.#options;
    const answer = await this.#http.get(`/v1/gateways/${gateway}/progress`);
    if (answer.status !== 200) throw this.#unhappy(answer);
    const { streams } = parse(progressSchema, answer.body);
    const held = (stream: Stream): RangeSet =>
      streams.find((entry) => entry.epoch === ring.epoch && entry.stream === stream)?.held ?? [];
    await ring.learn({ readings: held('readings'), events: held('events'), summaries: held('summaries') });
    this.#known = true;
  }

  async #send(plan: Plan): Promise<void> {
    const batch = await this.#batchOf(plan);
    const answer = await this.#http.post(`/v1/gateways/${this.#options.gateway}/batches`, encodeBatch(batch));
    if (answer.status === 200) return this.#accepted(plan, answer);
    if (answer.status === 413 && this.#rows > BATCH_ROWS_MIN) {
      this.#rows = Math.max(BATCH_ROWS_MIN, Math.floor(this.#rows / 2));
      return;
    }
    if (answer.status === 400 || answer.status === 413 || answer.status === 422)
      return this.#refused(plan, answer);
    throw this.#unhappy(answer);
  }

  async #batchOf({ stream, range }: Plan): Promise<Batch> {
    const { ring, clinic, gateway, clock } = this.#options;
    const head = { clinic, gateway, epoch: ring.epoch, from: range[0], to: range[1] };
    if (stream === 'events') return { ...head, stream, backfill: false, rows: await ring.readEvents(range) };
    if (stream === 'summaries')
      return { ...head, stream, backfill: true, rows: await ring.readSummaries(range) };
    const rows = await ring.readReadings(range);
    const backfill = rows.length > 0 && rows[0]!.measuredAt < clock.wall() - LATE_MS;
    return { ...head, stream, backfill, rows };
  }

  #accepted(plan: Plan, answer: Answer): void {
    const { held, epoch, stream } = parse(heldSchema, answer.body);
    if (
      epoch !== this.#options.ring.epoch ||
      stream !== plan.stream ||
      missing(held, plan.range).length > 0
    ) {
      throw new ColdwatchError('wire.invalid', 'the relay’s answer does not hold what was sent', {
        retry: true,
      });
    }
    this.accepted += plan.range[1] - plan.range[0] + 1;
    // Answers may overtake each other: none takes back what another has said.
    this.#options.ring.markHeld(plan.stream, union(this.#options.ring.held(plan.stream), held));
  }

  #refused({ stream, range }: Plan, answer: Answer): void {
    this.#givenUp[stream] = addRange(this.#givenUp[stream], range);
    this.#options.ring.saveState(`refused.${stream}`, this.#givenUp[stream]);
    this.#options.onRefused(stream, range[0], range[1], answer.body.slice(0, 300));
  }

  #unhappy({ status, body, retryAfterMs }: Answer): Error {
    const message = `the relay answered ${status}: ${body.slice(0, 200)}`;
    if (status === 421) return new Moved(parse(elsewhereSchema, body).url);
    if (retryAfterMs !== null)
      return new RetryAfter(message, Math.min(retryAfterMs, this.#options.config.backoff_max));
    return new ColdwatchError('wire.refused', message, { retry: true });
  }
}

/** Another relay serves this gateway. */
class Moved extends Error {
  readonly url: string;

  constructor(url: string) {
    super(`the relay sends this gateway to ${url}`);
    this.url = url;
  }
}

/** The relay said when to come back. */
class RetryAfter extends Error {
  readonly ms: number;

  constructor(message: string, ms: number) {
    super(message);
    this.ms = ms;
  }
}

function parse<T>(schema: z.ZodType<T>, body: string): T {
  let json: unknown;
  try {
    json = parseJson(body);
  } catch {
    throw new ColdwatchError('wire.invalid', 'the answer is not JSON: is this a relay?', { retry: true });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw new ColdwatchError('wire.invalid', 'the answer is not a relay’s', {
      retry: true,
      cause: parsed.error,
    });
  }
  return parsed.data;
}
