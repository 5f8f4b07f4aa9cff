import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { type Clock, sleep } from '../../core/clock/clock.js';
import { MqttSession } from '../../host/mqtt/session.js';
import { type Duty, runDuty } from '../log/own-ring.js';
import type { Log, Published } from '../log/port.js';
import { deadLetter } from './dead-letter.js';
import { filterOf, gatewayOf, type Heard, readMessage, sourceName } from './mqtt-message.js';
import type { MqttSource } from './schema.js';
import { countsOf, type SourceCounts, type SourceStats } from './sources.js';

const FLUSH_MS = 50;
/** Messages that wait for the log. The broker keeps what is not confirmed, and sends no more than its window. */
const WAITING_MAX = 10_000;
const CHUNK = 1000;

interface Waiting {
  heard: Heard;
  confirm: () => void;
}

/**
 * Sites that have a broker and no agent: subscribed by one relay at a time, with a session that the broker keeps, and
 * confirmed once the log has it. A message whose payload has its own time is taken once however often it comes.
 */
export function subscribe(
  config: MqttSource,
  log: Log,
  clock: Clock,
  logger: Logger,
  stats: SourceStats,
): Duty {
  const counts = countsOf(stats, sourceName(config));
  return runDuty(log, gatewayOf(config), 'readings', clock, logger, async (_ring, stop) => {
    let waiting: Waiting[] = [];
    let overflow = false;
    const session = new MqttSession(
      {
        url: config.url,
        clientId: `coldwatch-relay-${config.name}`,
        clean: false,
        username: config.username,
        password: config.password,
        ca: config.ca === undefined ? undefined : readFileSync(config.ca),
      },
      {
        topics: config.topics.map(filterOf),
        named: { broker: config.name },
        log: logger,
        onMessage: ({ topic, payload, retain }, confirm) => {
          // A retained copy is of an unknown age.
          if (retain) return confirm();
          const heard = { topic, payload: payload.toString('utf8'), received_at: clock.wall() };
          if (waiting.length >= WAITING_MAX) overflow = true;
          else waiting.push({ heard, confirm });
        },
      },
    );
    try {
      while (!stop.aborted && !overflow) {
        // Only the owner of the duty subscribes: this says whether that is still us.
        await log.progress(gatewayOf(config));
        while (waiting.length > 0) await takeThem(config, log, waiting.splice(0, CHUNK), clock, counts);
        await sleep(clock, FLUSH_MS, stop);
      }
    } finally {
      waiting = [];
      await session.stop();
    }
  });
}

/** One append for all; confirmed when it is durable. */
async function takeThem(
  config: MqttSource,
  log: Log,
  messages: readonly Waiting[],
  clock: Clock,
  counts: SourceCounts,
): Promise<void> {
  const good: Published[] = [];
  const letters: Published[] = [];
  for (const { heard } of messages) {
    const read = readMessage(config, heard);
    if ('problems' in read)
      letters.push(deadLetter(sourceName(config), JSON.stringify(heard), read.problems, clock.wall()));
    else good.push(read);
  }
  const { repeated } = await log.publish([...good, ...letters]);
  const again = repeated.filter((id) => !id.startsWith('dead/')).length;
  counts.accepted += good.length - again;
  counts.repeated += again;
  counts.refused += letters.length;
  for (const { confirm } of messages) confirm();
}
