import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import type { Clock } from '../../core/clock/clock.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import type { ForwardConfig } from './schema.js';

export interface Answer {
  status: number;
  body: string;
  retryAfterMs: number | null;
}

const ANSWER_BYTES_MAX = 1024 * 1024;
const compress = promisify(brotliCompress);

/** Few kept-alive connections to the relay. Half-open links are found by the deadline, not by keep-alive. */
export class RelayHttp {
  readonly #config: ForwardConfig;
  readonly #clock: Clock;
  readonly #agent: http.Agent;
  readonly #secure: boolean;
  /** Where requests go: the configured relay, or the one that it has named. */
  #base: string;
  sentBytes = 0;

  constructor(config: ForwardConfig, clock: Clock, connections: number) {
    this.#config = config;
    this.#clock = clock;
    this.#secure = config.url.startsWith('https:');
    this.#base = config.url;
    const options = { keepAlive: true, maxSockets: connections };
    const pem = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file));
    const { ca, cert, key } = config.tls ?? {};
    this.#agent = this.#secure
      ? new https.Agent({ ...options, ca: pem(ca), cert: pem(cert), key: pem(key) })
      : new http.Agent(options);
  }

  get(path: string): Promise<Answer> {
    return this.#request('GET', path, undefined);
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
    return this.#request('POST', path, packed);
  }

  #request(method: string, path: string, body: Buffer | undefined): Promise<Answer> {
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
      const request = send(url, { method, headers, agent: this.#agent }, (response) => {
        collect(response).then(resolve, reject);
      });
      const deadline = this.#clock.after(this.#config.deadline, () => {
        request.destroy(new Error(`no answer within ${this.#config.deadline / 1000} s`));
      });
      request.on('close', () => deadline.cancel());
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
