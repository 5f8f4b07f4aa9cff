import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliDecompressSync } from 'node:zlib';

/** What a batch on the wire says of itself. */
export interface SeenBatch {
  stream: string;
  from: number;
  to: number;
}

/** What stands before a relay and answers for it; undefined lets the request through. */
export type Verdict = (batch: SeenBatch) => { status: number; body: string } | undefined;

/** A proxy that reads each batch and may refuse it, as a relay of another version would. */
export class PickyRelay {
  readonly seen: SeenBatch[] = [];
  verdict: Verdict = () => undefined;
  readonly #server;
  readonly #target: string;

  constructor(target: string) {
    this.#target = target;
    this.#server = createServer((incoming, response) => {
      this.#pass(incoming, response).catch(() => response.destroy());
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (incoming.method === 'POST') {
      const { stream, from, to } = JSON.parse(brotliDecompressSync(body).toString()) as SeenBatch;
      this.seen.push({ stream, from, to });
      const refusal = this.verdict({ stream, from, to });
      if (refusal) return void response.writeHead(refusal.status).end(refusal.body);
    }
    const { method, headers, url = '/' } = incoming;
    const onward = request(new URL(url, this.#target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    onward.end(body);
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
