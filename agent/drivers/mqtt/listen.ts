import { connectAsync } from 'mqtt';
import { type Clock, sleep } from '../../../core/clock/clock.js';

export interface Heard {
  topic: string;
  payload: Buffer;
}

/** A broker with more topics than this is not a clinic's: the rest is not kept. */
const TOPICS_MAX = 1000;
const CONNECT_MS = 5000;

/** The last message of each topic that a broker has now or gets within `ms`. Leaves no session behind. */
export async function listen(
  { url, username, password }: { url: string; username?: string | undefined; password?: string | undefined },
  ms: number,
  clock: Clock,
): Promise<Heard[]> {
  const client = await connectAsync(url, {
    clean: true,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_MS,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  });
  const heard = new Map<string, Heard>();
  client.on('message', (topic, payload) => {
    if (heard.has(topic) || heard.size < TOPICS_MAX) heard.set(topic, { topic, payload });
  });
  try {
    await client.subscribeAsync('#', { qos: 0 });
    await sleep(clock, ms);
  } finally {
    await client.endAsync(true);
  }
  return [...heard.values()];
}
