import { generateKeyPairSync } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestFor } from '../../agent/enrol/request.js';
import { SystemClock } from '../../host/clock.js';
import { fingerprintOf } from '../../host/secret.js';
import { Authority, makeAuthority } from '../../relay/enrol/ca.js';
import { EnrolmentRecord, Enrolments, newClaimToken } from '../../relay/enrol/enrolment.js';
import { EmbeddedLog } from '../../relay/log/embedded/embedded.js';
import { KafkaLog } from '../../relay/log/kafka/kafka.js';
import { kafkaConfigSchema } from '../../relay/log/kafka/schema.js';
import type { Log } from '../../relay/log/port.js';
import { until } from '../world/run/programs.js';
import { startKafka, tempFolder } from '../world/run/services.js';

/* Two relays that share a log certify one gateway for one token, whoever comes first; both logs. */
const clock = new SystemClock();
const silent = pino({ enabled: false });
const MINUTE_MS = 60_000;
const folder = tempFolder('enrolment-logs');
afterAll(() => folder.remove());

const key = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();

const LOGS: Record<string, () => Promise<{ open: () => Promise<Log>; close: () => Promise<void> }>> = {
  embedded: async () => {
    const log = new EmbeddedLog(`${folder.path}/log`, clock, 30 * 86_400_000);
    return { open: async () => log, close: () => log.close() };
  },
  kafka: async () => {
    const kafka = await startKafka();
    const config = kafkaConfigSchema.parse({ brokers: [kafka.address] });
    const opened: Log[] = [];
    return {
      open: async () => {
        const log = await KafkaLog.open(config, null, clock, silent, { role: 'client' });
        opened.push(log);
        return log;
      },
      close: async () => {
        await Promise.all(opened.map((log) => log.close()));
        await kafka.stop();
      },
    };
  },
};

describe.each(Object.entries(LOGS))('enrolment over the %s log', (_name, start) => {
  let logs: Awaited<ReturnType<typeof start>> | undefined;
  let relays: Enrolments[] = [];
  beforeAll(async () => {
    logs = await start();
    await makeAuthority(`${folder.path}/ca`, 'test', clock.wall());
    const authority = await Authority.open(`${folder.path}/ca`);
    relays = await Promise.all(
      [1, 2].map(async () => {
        const record = new EnrolmentRecord({ log: await logs!.open(), clock, logger: silent });
        // As a relay that starts: a Kafka that has just made its topics is asked again.
        await until('the book', 20_000, () => record.follow().then(() => true));
        return new Enrolments(record, authority, MINUTE_MS, clock);
      }),
    );
  });
  afterAll(async () => {
    await Promise.all(relays.map(({ record }) => record.close()));
    await logs?.close();
  });

  it.each([1, 2, 3])(
    'gives one token to one of two cards that come at once to two relays (%i)',
    async (n) => {
      const [gateway, token] = [`gw-${n}`, newClaimToken()];
      const [first] = relays;
      await first!.record.add({
        ...{ what: 'invited', gateway, atMs: clock.wall(), clinic: 'c', by: 'ops' },
        ...{ token: fingerprintOf(token), untilMs: clock.wall() + MINUTE_MS },
      });
      const outcomes = await Promise.all(
        relays.map(async (relay) => relay.claim({ gateway, token, csr: await requestFor(gateway, key()) })),
      );
      expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['issued', 'wait']);
      await Promise.all(relays.map(({ record }) => record.read()));
      const books = relays.map(({ record }) => [...record.book.get(gateway)!.certificates.keys()]);
      expect(books[0]).toHaveLength(1);
      expect(books[1]).toEqual(books[0]);
    },
  );
});
