import type { Logger } from 'pino';
import { abortAfter, type Clock, every, type Timer } from '../../core/clock/clock.js';
import { messageOf } from '../../core/errors.js';
import type { TraceContext } from '../../core/identity.js';

/*
 * OTLP over HTTP in its JSON form (https://opentelemetry.io/docs/specs/otlp/#otlphttp): POST /v1/traces. Spans carry the
 * ids that are in the records' headers; an SDK would draw its own.
 */
export interface Span extends TraceContext {
  name: string;
  startMs: number;
  endMs: number;
  attributes: Record<string, string | number | boolean>;
}

export interface OtlpOptions {
  /** `http://collector:4318` */
  url: string;
  headers: Readonly<Record<string, string>>;
}

export interface OtlpStats {
  exported: number;
  dropped: number;
}

/** Spans that wait for the collector; beyond, the oldest go and are counted. */
const WAITING_MAX = 4096;
const CHUNK = 512;
const FLUSH_MS = 2000;
const DEADLINE_MS = 10_000;
const KIND_CONSUMER = 5;

/** Sends spans to a collector. One that is away costs nothing but its traces. */
export class OtlpExporter {
  readonly stats: OtlpStats = { exported: 0, dropped: 0 };
  readonly #options: OtlpOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #timer: Timer;
  #waiting: Span[] = [];
  #sending: Promise<void> | undefined;
  #lastError = '';

  constructor(options: OtlpOptions, clock: Clock, logger: Logger) {
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#timer = every(clock, FLUSH_MS, () => void this.flush());
  }

  add(span: Span): void {
    this.#waiting.push(span);
    if (this.#waiting.length <= WAITING_MAX) return;
    this.#waiting.shift();
    this.stats.dropped += 1;
  }

  flush(): Promise<void> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const spans = this.#waiting.slice(0, CHUNK);
      try {
        const answer = await this.#send(spans);
        // What a collector calls wrong is wrong again the next time; what it cannot take now, it may later.
        if (answer.status === 429 || answer.status >= 500) throw new Error(`answered ${answer.status}`);
        this.#waiting = this.#waiting.filter((span) => !spans.includes(span));
        if (answer.ok) this.stats.exported += spans.length;
        else {
          this.stats.dropped += spans.length;
          this.#tell(`refused spans with ${answer.status}`);
        }
      } catch (error) {
        return this.#tell(messageOf(error));
      }
    }
    this.#lastError = '';
  }

  #send(spans: readonly Span[]): Promise<Response> {
    const { url, headers } = this.#options;
    return abortAfter(this.#clock, DEADLINE_MS, async (signal) => {
      const answer = await fetch(`${url.replace(/\/$/, '')}/v1/traces`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(requestOf(spans)),
        signal,
      });
      await answer.arrayBuffer();
      return answer;
    });
  }

  #tell(error: string): void {
    if (error !== this.#lastError) this.#logger.warn({ error }, 'the trace collector takes nothing now');
    this.#lastError = error;
  }

  async close(): Promise<void> {
    this.#timer.cancel();
    await this.flush();
  }
}

function requestOf(spans: readonly Span[]) {
  const nanos = (ms: number) => `${Math.round(ms)}000000`;
  return {
    resourceSpans: [
      {
        resource: { attributes: [attribute('service.name', 'coldwatch-relay')] },
        scopeSpans: [
          {
            scope: { name: 'coldwatch' },
            spans: spans.map(({ trace, span, parent, name, startMs, endMs, attributes }) => ({
              traceId: trace,
              spanId: span,
              ...(parent === undefined ? {} : { parentSpanId: parent }),
              name,
              kind: KIND_CONSUMER,
              startTimeUnixNano: nanos(startMs),
              endTimeUnixNano: nanos(Math.max(startMs, endMs)),
              attributes: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
            })),
          },
        ],
      },
    ],
  };
}

function attribute(key: string, value: string | number | boolean) {
  if (typeof value === 'string') return { key, value: { stringValue: value } };
  if (typeof value === 'boolean') return { key, value: { boolValue: value } };
  return { key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } };
}
