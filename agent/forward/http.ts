import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import type { Clock } from '../../core/clock/clock.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import { Names } from './names.js';
import type { TryLimits } from './reach.js';
import type { ForwardConfig } from './schema.js';

export interface Answer {
  status: number;
  body: string;
  retryAfterMs: number | null;
}

const pem = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file));

/** PEM each; `ca`: also whom to believe that it is the relay. */
export interface Certified {
  key: string;
  certificate: string;
  ca: string | null;
}

const ANSWER_BYTES_MAX = 1024 * 1024;
const compress = promisify(brotliCompress);
/** For the answer to a body, besides the time that the body itself takes on the slowest of links. */
const ANSWER_MS = 5000;
const SLOWEST_BYTES_PER_MS = 1;

/** Few kept-alive connections to the relay. Half-open links are found by the deadline, not by keep-alive. */
export class RelayHttp {
  readonly #config: ForwardConfig;
  readonly #clock: Clock;
  readonly #connections: number;
  readonly #certified: () => Certified | undefined;
  #agent: http.Agent;
  readonly #secure: boolean;
  readonly #lookup: Names['lookup'];
  /** Where requests go: the configured relay, or the one that it has named. */
  #base: string;
  /** Doubled by each body that got no answer, up to the configured deadline: the link may be that slow. */
  #patience = 1;
  sentBytes = 0;

  /** `certified`: what this gateway got for its claim token; it goes before the site file's own. */
  constructor(
    config: ForwardConfig,
    clock: Clock,
    connections: number,
    certified: () => Certified | undefined = () => undefined,
  ) {
    this.#config = config;
    this.#clock = clock;
    this.#secure = config.url.startsWith('https:');
    this.#base = config.url;
    this.#connections = connections;
    this.#certified = certified;
    this.#lookup = new Names(clock).lookup;
    this.#agent = this.#newAgent();
  }

  #newAgent(): http.Agent {
    const options = { keepAlive: true, maxSockets: this.#connections, lookup: this.#lookup };
    if (!this.#secure) return new http.Agent(options);
    const { ca, cert, key } = this.#config.tls ?? {};
    const certified = this.#certified();
    // What the relay has named since goes beside what the site file names: either may be the older one.
    const roots = [pem(ca), certified?.ca].filter((one) => one !== undefined && one !== null);
    return new https.Agent({
      ...options,
      ...(roots.length > 0 ? { ca: roots } : {}),
      cert: certified?.certificate ?? pem(cert),
      key: certified?.key ?? pem(key),
    });
  }

  /** There is another certificate to show. */
  renew(): void {
    const former = this.#agent;
    this.#agent = this.#newAgent();
    former.destroy();
  }

  get(path: string, limits: TryLimits = {}, signal?: AbortSignal): Promise<Answer> {
    const { deadline } = this.#config;
    const within = { ...limits, answerMs: Math.min(limits.answerMs ?? deadline, deadline) };
    return this.#request('GET', path, undefined, within, signal);
  }

  /** Sends JSON, compressed once. Resolves with any answer; rejects with wire.unreachable when there is none. */
  async post(path: string, body: unknown): Promise<Answer> {
    const text = Buffer.from(JSON.stringify(body));
    const packed = await compress(text, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 5,
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
        [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
      },
    });
    const patience = this.#patience;
    const fair = (ANSWER_MS + packed.length / SLOWEST_BYTES_PER_MS) * patience;
    const answerMs = Math.min(fair, this.#config.deadline);
    try {
      const answer = await this.#request('POST', path, packed, { answerMs });
      this.#patience = 1;
      return answer;
    } catch (error) {
      if (answerMs < this.#config.deadline) this.#patience = Math.max(this.#patience, patience * 2);
      throw error;
    }
  }

  #request(
    method: string,
    path: string,
    body: Buffer | undefined,
    { connectMs, answerMs }: TryLimits & { answerMs: number },
    signal?: AbortSignal,
  ): Promise<Answer> {
    const url = new URL(path, this.#base);
    const headers: Record<string, string | number> = { accept: 'application/json' };
    if (this.#config.token !== undefined) headers.authorization = `Bearer ${this.#config.token}`;
    if (body) {
      Object.assign(headers, {
        'content-type': 'application/json',
        'content-encoding': 'br',
        'content-length': body.length,
      });
      this.sentBytes += body.length;
    }
    return new Promise((resolve, reject) => {
      const send = this.#secure ? https.request : http.request;
      const options = { method, headers, agent: this.#agent, ...(signal ? { signal } : {}) };
      const request = send(url, options, (response) => {
        collect(response).then(resolve, reject);
      });
      const give = (ms: number, what: string) =>
        this.#clock.after(ms, () =>
          request.destroy(new Error(`no ${what} within ${Math.round(ms / 1000)} s`)),
        );
      const deadline = give(answerMs, 'answer');
      request.on('close', () => deadline.cancel());
      if (connectMs !== undefined) {
        const connecting = give(connectMs, 'connection');
        request.on('close', () => connecting.cancel());
        request.on('socket', (socket) => {
          if (socket.connecting) socket.once('connect', () => connecting.cancel());
          else connecting.cancel();
        });
      }
      request.on('error', (error) => {
        reject(new ColdwatchError('wire.unreachable', messageOf(error), { retry: true, cause: error }));
      });
      request.end(body);
    });
  }

  /** Another relay serves this gateway. One that would undo TLS is not followed; the token goes along. */
  moveTo(url: string): boolean {
    if (url.startsWith('https:') !== this.#secure) return false;
    this.#base = url;
    return true;
  }

  /** Back to the configured relay: the named one does not answer. */
  moveHome(): void {
    this.#base = this.#config.url;
  }

  /** Ends what is under way, and connections that may be dead without knowing it. */
  close(): void {
    this.#agent.destroy();
  }
}

async function collect(response: http.IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > ANSWER_BYTES_MAX) throw new Error('the answer is too long to be a relay’s');
      chunks.push(chunk);
    }
  } catch (error) {
    response.destroy();
    throw new ColdwatchError('wire.unreachable', messageOf(error), { retry: true, cause: error });
  }
  const seconds = Number(response.headers['retry-after']);
  return {
    status: response.statusCode ?? 0,
    body: Buffer.concat(chunks).toString('utf8'),
    retryAfterMs: Number.isFinite(seconds) && response.headers['retry-after'] ? seconds * 1000 : null,
  };
}
