import { connect, type Socket } from 'node:net';
import type { TestRelay } from './relay.js';

/** What is asked of a relay, as whoever has these headers. */
export async function ask(
  relay: TestRelay,
  path: string,
  headers: Record<string, string> = {},
  body?: unknown,
) {
  const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(`${relay.url}${path}`, {
    ...post,
    redirect: 'manual',
    headers: { ...type, ...headers },
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
export const progress = (id: string) => `/v1/gateways/${id}/progress`;
export const batches = (id: string) => `/v1/gateways/${id}/batches`;

/** A connection that sends these bytes; `answer` is all that came back until it was closed. */
export function send(
  port: number,
  text: string,
): { socket: Socket; answer: Promise<string>; soFar: () => string } {
  const socket = connect(port, '127.0.0.1');
  let got = '';
  socket.on('data', (bytes) => {
    got += bytes;
  });
  const answer = new Promise<string>((resolve) => {
    socket.on('error', () => {});
    socket.on('close', () => resolve(got));
  });
  socket.write(text);
  return { socket, answer, soFar: () => got };
}
