import { z } from 'zod';
import { sleep } from '../../core/clock/clock.js';
import { type Batch, encodeBatch, heldSchema } from '../../core/contract/batch.js';
import { rangeSetSchema } from '../../core/contract/range-schema.js';
import { addRange, countOf, missing, type RangeSet, union } from '../../core/contract/ranges.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import { retrySchedule } from '../../core/retry.js';
import { STREAMS, type Stream } from '../../core/stream.js';
import { isRefusal, isUnanswered, Moved, ofRelay, parse, RetryAfter, unhappy } from './answers.js';
import { type Answer, RelayHttp } from './http.js';
import type { ForwardOptions } from './options.js';
import { type Plan, planNext, type StreamView } from './plan.js';
import { reach } from './reach.js';
import { Refusals } from './refusals.js';
import { everyMs } from './schema.js';

/** Readings older than this when they are sent are marked as back-fill. */
const LATE_MS = 300_000;
const FIRST_RETRY_MS = 1000;
/** While an alert waits, whoever answers wrongly is asked again within this time. */
const URGENT_RETRY_MS = 4000;
const BATCH_ROWS_MIN = 10;
/** So many batches of a reduced size go through before a larger one is tried. */
const GROW_AFTER = 20;
/** Requests under way at once. */
const REQUESTS_MAX = 3;
/** And tries of a link that gives no answer. */
const TRIES_MAX = 8;
/** Where everything is refused, a row is tried this often. */
const REFUSED_TRY_MS = 10_000;

/** Relays that send a gateway round in circles are asked again later. */
const MOVES_MAX = 3;

const progressSchema = z.object({ streams: z.array(heldSchema) });

/** Ring → relay. The cursor moves only on the relay's word that it holds a range. */
export class Forwarder {
  readonly #options: ForwardOptions;
  readonly #http: RelayHttp;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #poke = new AbortController();
  #poked = false;
  #rows: number;
  /** Batches taken since the last that was too large. */
  #takenSmall = 0;
  #liveAt = Number.NEGATIVE_INFINITY;
  /** When the backlog may go on: what was sent of it takes its time at the configured rate. */
  #backlogAt = Number.NEGATIVE_INFINITY;
  #known = false;
  readonly #refusals: Record<Stream, Refusals>;
  #refusedTryAt = Number.NEGATIVE_INFINITY;
  /** Why the last batch was refused. */
  #refusal: string | null = null;
  accepted = 0;

  constructor(options: ForwardOptions) {
    this.#options = options;
    const { config, clock, enrolment } = options;
    this.#http = new RelayHttp(config, clock, REQUESTS_MAX + TRIES_MAX, () => enrolment?.identity);
    this.#rows = options.config.batch;
    const stored = (stream: Stream) =>
      new Refusals(rangeSetSchema.catch([]).parse(options.ring.loadState(`refused.${stream}`) ?? []));
    this.#refusals = {
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

  /** Rows that went no further and are still in the ring. */
  get givenUp(): number {
    return STREAMS.reduce((sum, stream) => {
      const tail = this.#options.ring.tail(stream);
      const there = this.#refusals[stream].givenUp.filter(([, to]) => to >= tail);
      return sum + countOf(there.map(([from, to]) => [Math.max(from, tail), to]));
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
    await this.#enrol();
    const spec = { firstMs: FIRST_RETRY_MS, maxMs: config.backoff_max };
    let delays = retrySchedule(spec, random);
    let moves = 0;
    while (!this.#stop.signal.aborted) {
      try {
        const more = await this.#turn();
        delays = retrySchedule(spec, random);
        this.#options.onState({ connected: true, problem: this.#refusal });
        await this.#renew();
        if (!more) await this.#wait(this.#pauseMs());
        moves = 0;
      } catch (error) {
        this.#known = false;
        for (const stream of STREAMS) this.#refusals[stream].forget();
        if (error instanceof Moved && this.#http.moveTo(error.url) && ++moves < MOVES_MAX) continue;
        this.#http.moveHome();
        moves = 0;
        this.#options.onState({ connected: false, problem: messageOf(error) });
        if (isUnanswered(error)) this.#http.close();
        if (error instanceof RetryAfter) await sleep(clock, error.ms * (1 + random()), this.#stop.signal);
        else await this.#backOff(delays.next().value);
      }
    }
  }

  /** Nothing can be sent before the relay has certified this gateway. */
  async #enrol(): Promise<void> {
    const { enrolment } = this.#options;
    if (!enrolment || enrolment.identity) return;
    await enrolment.obtain(this.#stop.signal);
    this.#http.renew();
  }

  async #renew(): Promise<void> {
    if (await this.#options.enrolment?.renewIfDue(this.#http)) this.#http.renew();
  }

  /** Whoever answers wrongly is asked again after a while; an alert does not wait that long. */
  async #backOff(ms: number): Promise<void> {
    const { clock } = this.#options;
    const until = clock.mono() + ms;
    const urgentUntil = clock.mono() + URGENT_RETRY_MS;
    for (;;) {
      const left = (this.#urgent() ? Math.min(until, urgentUntil) : until) - clock.mono();
      if (left <= 0 || this.#stop.signal.aborted) return;
      await sleep(clock, left, this.#freshPoke());
    }
  }

  /** Whether an event waits to be sent. */
  #urgent(): boolean {
    const { tail, head, settled } = this.#view('events');
    return head >= tail && missing(settled, [tail, head]).length > 0;
  }

  #freshPoke(): AbortSignal {
    this.#poke = new AbortController();
    if (this.#stop.signal.aborted) this.#poke.abort();
    return this.#poke.signal;
  }

  #pauseMs(): number {
    const untilBacklog = this.#backlogAt - this.#options.clock.mono();
    const every = everyMs(this.#options.config);
    return untilBacklog > 0 ? Math.min(every, untilBacklog) : every;
  }

  async #wait(ms: number): Promise<void> {
    const poke = this.#freshPoke();
    if (!this.#poked) await sleep(this.#options.clock, ms, poke);
    this.#poked = false;
  }

  /** One round of requests. False when there is nothing to send now. */
  async #turn(): Promise<boolean> {
    if (!this.#known) await this.#learn();
    const plans = this.#plans();
    const [started, before] = [this.#options.clock.mono(), this.#http.sentBytes];
    const outcomes = await Promise.allSettled(plans.map((plan) => this.#send(plan)));
    if (plans.some(({ kind }) => kind === 'backlog')) {
      const kb = (this.#http.sentBytes - before) / 1000;
      this.#backlogAt = started + (kb / this.#options.config.backlog_kb_per_s) * 1000;
    }
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    return plans.length > 0;
  }

  /** Events and fresh readings alone and in order; of a backlog several batches at once, to fill a slow link. */
  #plans(): Plan[] {
    const now = this.#options.clock.mono();
    const liveDue = now - this.#liveAt >= everyMs(this.#options.config);
    const backlogDue = now >= this.#backlogAt;
    const views = {
      events: this.#view('events'),
      readings: this.#view('readings'),
      summaries: this.#view('summaries'),
    };
    const plans = [...this.#triesOfRefused(views, now), ...this.#parts()];
    const apart = plans.length;
    while (plans.length < REQUESTS_MAX && plans[0]?.stream !== 'events') {
      const due = { live: liveDue && plans.length === apart, backlog: backlogDue };
      const plan = planNext(views, this.#rows, due);
      if (!plan) break;
      plans.push(plan);
      if (plan.kind === 'live') this.#liveAt = now;
      if (plan.kind !== 'backlog') break;
      views[plan.stream].settled = addRange(views[plan.stream].settled, plan.range);
    }
    return plans;
  }

  /** What is left of a refused range. Parts of events go alone: their order matters. */
  #parts(): Plan[] {
    for (const stream of ['events', 'readings', 'summaries'] as const) {
      const range = this.#refusals[stream].next(this.#options.ring.tail(stream));
      if (range && !this.#refusals[stream].everything) return [{ stream, range, kind: 'part' }];
    }
    return [];
  }

  /** Of a stream of which everything is refused, the newest row now and again, and nothing else. */
  #triesOfRefused(views: Record<Stream, StreamView>, now: number): Plan[] {
    const due = now >= this.#refusedTryAt;
    return STREAMS.filter((stream) => this.#refusals[stream].everything).flatMap((stream): Plan[] => {
      const { head } = views[stream];
      views[stream].head = views[stream].tail - 1;
      if (!due) return [];
      this.#refusedTryAt = now + REFUSED_TRY_MS;
      return [{ stream, range: [head, head], kind: 'part' }];
    });
  }

  #view(stream: Stream): StreamView {
    const { ring } = this.#options;
    return {
      tail: ring.tail(stream),
      head: ring.sendable(stream),
      settled: union(union(ring.held(stream), this.#refusals[stream].apart), ring.withheld(stream)),
    };
  }

  /** What the relay holds or will never take. */
  #done(stream: Stream): RangeSet {
    return union(this.#options.ring.held(stream), this.#refusals[stream].givenUp);
  }

  /** After a start or a broken link: what the relay really holds. */
  async #learn(): Promise<void> {
    const { ring, gateway, clock, random, onState, config } = this.#options;
    const answer = await reach({
      clock,
      random,
      attempt: async (limits, signal) => {
        try {
          return ofRelay(await this.#http.get(`/v1/gateways/${gateway}/progress`, limits, signal));
        } catch (error) {
          // The relay that another named may be gone since: the next try asks the configured one.
          if (!signal.aborted) this.#http.moveHome();
          throw error;
        }
      },
      urgent: () => this.#urgent(),
      paceMaxMs: config.backoff_max,
      onProblem: (problem) => onState({ connected: false, problem }),
      poke: () => this.#freshPoke(),
      stop: this.#stop.signal,
    });
    if (!answer) return;
    if (answer.status !== 200) throw unhappy(answer);
    const { streams } = parse(progressSchema, answer.body);
    const held = (stream: Stream): RangeSet =>
      streams.find((entry) => entry.epoch === ring.epoch && entry.stream === stream)?.held ?? [];
    const others = streams.some(({ epoch }) => epoch !== ring.epoch);
    const known = { readings: held('readings'), events: held('events'), summaries: held('summaries') };
    await ring.learn(known, others);
    this.#known = true;
  }

  async #send(plan: Plan): Promise<void> {
    const batch = await this.#batchOf(plan).catch(unlessLost);
    // The ring has named them: the next turn plans around them.
    if (!batch) return;
    const answer = await this.#http.post(`/v1/gateways/${this.#options.gateway}/batches`, encodeBatch(batch));
    if (answer.status === 200) return this.#accepted(plan, answer);
    const tooLarge = answer.status === 413;
    if (tooLarge) this.#shrink(batch.rows.length);
    if (tooLarge || isRefusal(answer)) return this.#refused(plan, answer.body.slice(0, 300), batch);
    throw unhappy(answer);
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
    this.#refusals[plan.stream].taken(plan.range);
    this.#grow();
    if (!STREAMS.some((of) => this.#refusals[of].everything)) this.#refusal = null;
    // Answers may overtake each other: none takes back what another has said.
    this.#options.ring.markHeld(plan.stream, union(this.#options.ring.held(plan.stream), held));
  }

  #shrink(refused: number): void {
    const { batch } = this.#options.config;
    this.#rows = Math.min(batch, Math.max(BATCH_ROWS_MIN, Math.floor(refused / 2)));
    this.#takenSmall = 0;
  }

  /** Batches that were too large for somebody on the way may not be for ever. */
  #grow(): void {
    if (this.#rows === this.#options.config.batch || ++this.#takenSmall < GROW_AFTER) return;
    this.#rows = Math.min(this.#options.config.batch, this.#rows * 2);
    this.#takenSmall = 0;
  }

  #refused({ stream, range }: Plan, why: string, batch: Batch): void {
    this.#refusal = `refused: ${why}`;
    const seq = this.#refusals[stream].refused(range);
    if (seq === undefined) return;
    this.#options.ring.saveState(`refused.${stream}`, this.#refusals[stream].givenUp);
    this.#options.onGivenUp({ stream, seq, row: batch.rows[0], why });
  }
}

function unlessLost(error: unknown): undefined {
  if (!(error instanceof ColdwatchError && error.code === 'ring.rows_lost')) throw error;
}
