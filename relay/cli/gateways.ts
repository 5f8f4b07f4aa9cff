import { userInfo } from 'node:os';
import { Command } from 'commander';
import { idSchema } from '../../core/identity.js';
import { parseDuration } from '../../core/units.js';
import { SystemClock } from '../../host/clock.js';
import { openLogger } from '../../host/logger.js';
import { failWith, misuse, print } from '../../host/output.js';
import { fingerprintOf } from '../../host/secret.js';
import { loadRelay } from '../config/load.js';
import type { Enrolment, Known } from '../enrol/book.js';
import type { EnrolmentRecord } from '../enrol/enrolment.js';

interface Options {
  config: string;
  json?: boolean;
  clinic?: string;
  for?: string;
  key?: string;
  reason?: string;
}

type Work = (record: EnrolmentRecord, options: Options, atMs: number) => Promise<void>;

export function gatewaysCommand(): Command {
  const command = (name: string, what: string) =>
    new Command(name).description(what).requiredOption('--config <RELAY.yaml>', 'the relay’s file');
  const about = (name: string, what: string, work: (id: string) => Work) =>
    command(name, what)
      .argument('<GATEWAY>', 'its id')
      .action(async (id: string, options: Options) => {
        if (!idSchema.safeParse(id).success)
          return misuse(`got ${JSON.stringify(id)}, expected a gateway’s id`);
        await withRecord(options, work(id));
      });
  return new Command('gateways')
    .description('who is enrolled: invited, approved, revoked, retired')
    .addCommand(
      command('list', 'each gateway, its clinic, and what it stands at')
        .option('--json', 'print as JSON')
        .action((options: Options) => withRecord(options, list)),
    )
    .addCommand(
      about(
        'invite',
        'a claim token, for one card; also for a new card of a gateway, and to take a retired one back',
        invite,
      )
        .requiredOption('--clinic <CLINIC>', 'the only one that it may write for')
        .option('--for <DURATION>', 'how long the token may be used', '30d'),
    )
    .addCommand(
      about(
        'approve',
        'the card that waits, as it came with a used token; the former card is then out',
        approve,
      ).option('--key <DIGITS>', 'the first digits of its key, as `list` shows them: only this one'),
    )
    .addCommand(
      about(
        'revoke',
        'all its certificates and tokens; it may be invited again',
        (gateway) => (record, _options, atMs) =>
          change(record, { what: 'revoked', gateway, atMs, by: whoAmI() }, 'is revoked'),
      ),
    )
    .addCommand(
      about('retire', 'it is not used any more: nothing is taken from it', retire).option(
        '--reason <TEXT>',
        'kept in the record',
        'not used any more',
      ),
    );
}

async function withRecord(options: Options, work: Work): Promise<void> {
  const loaded = loadRelay(options.config);
  if (!('value' in loaded)) return failWith(loaded.problems);
  if (!loaded.value.enrol) return misuse(`${options.config} has no \`enrol\`: this relay enrols nobody`);
  const clock = new SystemClock();
  const logger = openLogger('error');
  const { openLog } = await import('../log/open.js');
  const { EnrolmentRecord } = await import('../enrol/enrolment.js');
  const log = await openLog(loaded.value, clock, logger, { role: 'client' });
  try {
    const record = new EnrolmentRecord({ log, clock, logger });
    await record.read();
    await work(record, options, clock.wall());
  } finally {
    await log.close();
  }
}

const whoAmI = () => process.env.SUDO_USER ?? userInfo().username;

/** So many digits of a key tell two cards apart. */
const KEY_SHOWN = 16;

const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);

async function change(record: EnrolmentRecord, event: Enrolment, done: string): Promise<void> {
  if (!record.book.get(event.gateway)) return misuse(unknown(event.gateway, record));
  await record.add(event);
  print(`${event.gateway} ${done}.`);
}

function unknown(gateway: string, record: EnrolmentRecord): string {
  const all = [...record.book.all().keys()];
  return `no gateway "${gateway}" was ever invited${all.length > 0 ? `; there are ${all.slice(0, 20).join(', ')}` : ''}`;
}

const invite =
  (gateway: string): Work =>
  async (record, { clinic, for: duration }, atMs) => {
    const named = idSchema.safeParse(clinic);
    if (!named.success) return misuse(`--clinic: got ${JSON.stringify(clinic)}, expected a clinic’s id`);
    const ms = parseDuration(duration ?? '');
    if (ms === undefined || ms < 60_000)
      return misuse(`--for: got ${duration}, expected a duration such as 30d`);
    const { newClaimToken } = await import('../enrol/enrolment.js');
    const secret = newClaimToken();
    const [token, untilMs] = [fingerprintOf(secret), atMs + ms];
    await record.add({ what: 'invited', gateway, atMs, clinic: named.data, token, untilMs, by: whoAmI() });
    print(secret);
    process.stderr.write(
      `For ${gateway} of ${named.data}, once, until ${day(untilMs)}. It is not shown again.\n`,
    );
  };

const approve =
  (gateway: string): Work =>
  async (record, { key }, atMs) => {
    const known = record.book.get(gateway);
    if (!known) return misuse(unknown(gateway, record));
    const waiting = known.waiting?.key;
    if (!waiting) return misuse(`${gateway} has no card that waits`);
    if (key !== undefined && !waiting.startsWith(key))
      return misuse(`--key: got ${key}, but the card that waits has ${waiting.slice(0, KEY_SHOWN)}`);
    const event = { what: 'approved' as const, gateway, atMs, key: waiting, by: whoAmI() };
    await change(
      record,
      event,
      'may use the card that waits: it is let in when it asks next, within minutes',
    );
  };

const retire =
  (gateway: string): Work =>
  (record, { reason }, atMs) =>
    change(
      record,
      { what: 'retired', gateway, atMs, by: whoAmI(), reason: (reason ?? '').slice(0, 400) },
      'is retired',
    );

const list: Work = async (record, { json }, nowMs) => {
  const rows = [...record.book.all()].map(([gateway, known]) => ({
    gateway,
    clinic: known.clinic,
    ...standing(known, nowMs),
  }));
  if (json) return print(JSON.stringify(rows));
  if (rows.length === 0)
    return print('No gateway was invited yet: coldwatch relay gateways invite GATEWAY --clinic CLINIC');
  const width = Math.max(...rows.map(({ gateway }) => gateway.length));
  for (const { gateway, clinic, state, detail } of rows)
    print(`${gateway.padEnd(width)}  ${clinic}  ${state}  ${detail}`);
};

function standing(known: Known, nowMs: number): { state: string; detail: string } {
  if (known.retired)
    return {
      state: 'retired',
      detail: `${day(known.retired.atMs)} by ${known.retired.by}: ${known.retired.reason}`,
    };
  if (known.waiting)
    return {
      state: 'waiting',
      detail: `another card, key ${known.waiting.key.slice(0, KEY_SHOWN)}, since ${day(known.waiting.atMs)}: approve it, or revoke all`,
    };
  const until = Math.max(
    ...[...known.certificates.values()].filter(({ revoked }) => !revoked).map(({ untilMs }) => untilMs),
    0,
  );
  if (until > nowMs) return { state: 'enrolled', detail: `until ${day(until)}` };
  const open = [...known.invitations.values()].filter(
    ({ key, untilMs }) => key === undefined && untilMs > nowMs,
  );
  if (open.length > 0)
    return { state: 'invited', detail: `until ${day(Math.max(...open.map(({ untilMs }) => untilMs)))}` };
  if (until > 0) return { state: 'ended', detail: `its certificate ended ${day(until)}` };
  return { state: known.certificates.size > 0 ? 'revoked' : 'expired', detail: 'invite it again' };
}
