import type { ErrorCode } from '../../core/errors.js';

/** Of an error code: what it means, who sees it, what to do. */
export interface Explained {
  means: string;
  seen: string;
  todo: string;
}

const AGENT_LOG = 'the agent’s log';
const RELAY_LOG = 'the relay’s log';

/** Every code of `ColdwatchError`, and of log lines that have one. */
export const ERROR_CODES: Record<ErrorCode, Explained> = {
  'device.silent': {
    means: 'A probe, a Modbus device or the modem did not answer in time.',
    seen: '`last_problem` in `/api/status`, `doctor`',
    todo: 'Check plug, power and address. It is asked again, less and less often. An alert follows by itself.',
  },
  'device.malformed': {
    means: 'A device answered, but not with what its model says: a checksum, an exception, another register.',
    seen: '`last_problem` in `/api/status`, `doctor`',
    todo: 'Check that the sensor has the right model. On a serial line check speed, parity and termination.',
  },
  'device.unavailable': {
    means: 'A port, a bus, a GPIO line or a kernel sensor is not there, or may not be opened.',
    seen: `${AGENT_LOG}, \`last_problem\` and \`not_started\` in \`/api/status\`, \`doctor\``,
    todo: 'Plug it in, turn its overlay on, or let the service’s user open it. It is tried again by itself.',
  },
  'folder.in_use': {
    means: 'Another agent or relay has this data folder open.',
    seen: 'whoever starts the second one; it ends with status 1',
    todo: 'Stop the process that the message names, or give the second one a folder of its own.',
  },
  'ring.full': {
    means:
      'The ring has no room for all that no relay holds yet. The oldest readings become summaries of a quarter of an hour each; a gap in `gateway.audit` names them. Events have room of their own and stay.',
    seen: `${AGENT_LOG} (once a day), \`ring.thinned\` and \`ring.overwritten\` in \`/api/status\`, metric \`coldwatch_agent_ring_thinned\`, \`doctor\``,
    todo: 'Bring the link to the relay back: see `relay` in `/api/status`. For longer outages give it a larger `ring.size_mb`. A reading takes 32 bytes; `ring.capacity` less `relay.backlog` in `/api/status` is how many more there is room for.',
  },
  'ring.unavailable': {
    means: 'The card takes no write or read now: full, read-only, broken or standing still.',
    seen: `${AGENT_LOG}; an alert of type \`storage\``,
    todo: 'Make room, or replace the card. Alarms go on, and readings are kept and sent from memory meanwhile.',
  },
  'ring.rows_lost': {
    means: 'Stored rows are not as they were written: the card changed them.',
    seen: `${AGENT_LOG}; an alert of type \`storage\`; a gap with the reason \`corrupt\``,
    todo: 'Replace the card. What is lost is named, the rest is sent.',
  },
  'wire.invalid': {
    means: 'A batch or an answer is not what the wire’s grammar says, or a record does not fit its schema.',
    seen: `${AGENT_LOG}, ${RELAY_LOG}; a gateway gets 400 or 422`,
    todo: 'Update the relay before its agents. If what answers is no relay, look for a portal or proxy on the way.',
  },
  'wire.too_large': {
    means: 'One record alone is larger than Kafka takes.',
    seen: `${RELAY_LOG}; a gateway gets 413 and names the row in a gap`,
    todo: 'Raise `max.message.bytes` of the topic if such records are meant.',
  },
  'wire.refused': {
    means: 'The relay refuses this gateway: token, certificate or clinic.',
    seen: `${AGENT_LOG}, \`relay\` in \`/api/status\``,
    todo: 'Compare the gateway’s entry in the relay’s file with `relay.token`, certificate and `clinic.id` of the site file. Readings are kept meanwhile.',
  },
  'wire.unreachable': {
    means: 'No connection to the relay, or it broke.',
    seen: `${AGENT_LOG}, \`relay\` in \`/api/status\`, \`doctor\``,
    todo: 'Check the network and `relay.url`. The agent tries again within 9 s, for ever, and keeps all.',
  },
  'log.fenced': {
    means: 'Another relay has taken over the gateways of this lane.',
    seen: RELAY_LOG,
    todo: 'Nothing, when relays start and stop. If it repeats, two relays have the same `http.public_url`.',
  },
  'log.elsewhere': {
    means: 'Another relay serves this gateway, or none does yet.',
    seen: `${RELAY_LOG}; a gateway gets 421 with the right address`,
    todo: 'Nothing: the gateway follows. Each relay needs a `http.public_url` that gateways reach.',
  },
  'log.bound': {
    means: 'A gateway speaks of another clinic than it first did.',
    seen: `${RELAY_LOG}; the gateway gets 403 and keeps its readings`,
    todo: 'If it moved, name its clinic below `gateways` of the relay’s file. If not, find out who sends.',
  },
  'log.unavailable': {
    means: 'Kafka, or the embedded log’s file, takes nothing now.',
    seen: `${RELAY_LOG}, \`/readyz\`; gateways get 503`,
    todo: 'Look at the brokers, or at the disk of `data`. Gateways keep all and send again.',
  },
  'log.client': {
    means: 'Another version of kafkajs is installed than the one that this release changes parts of.',
    seen: 'whoever starts the relay; it ends with status 1',
    todo: 'Install what the lockfile names: `npm ci`. A package from `scripts/package` has it.',
  },
  'log.lost': {
    means: '`gateway.progress` is gone or was emptied: what relays knew of rings is lost.',
    seen: 'whoever starts the relay; it does not start',
    todo: 'Bring the topic back. If readings may go in twice: `coldwatch relay topics accept-loss`.',
  },
  'enrol.authority': {
    means:
      'The folder below `enrol.ca` has no authority: none was made, or key and certificate cannot be read.',
    seen: 'whoever starts the relay, or runs `coldwatch relay ca`',
    todo: 'Make one: `coldwatch relay ca init FOLDER`. Or bring the folder back from your safe copy, readable for the relay’s user.',
  },
  'archive.emptied': {
    means: 'The archive was emptied by `relay archive rebuild` while the relay read on.',
    seen: RELAY_LOG,
    todo: 'Nothing: it begins where the archive now is.',
  },
  'archive.unavailable': {
    means: 'The history’s database is away, or is still brought up to date.',
    seen: `${RELAY_LOG}; history answers 503`,
    todo: 'Look at PostgreSQL, or at the disk. Gateways are not held up; the archive catches up.',
  },
  'modem.failed': {
    means: 'The modem refused a text, or is not ready: SIM, PIN, signal, credit.',
    seen: `${AGENT_LOG}, \`doctor\``,
    todo: 'Run `coldwatch doctor --sms PERSON`. Texts wait and are tried again.',
  },
  'modem.unknown_outcome': {
    means: 'The modem fell silent after a text: whether it went out is not known.',
    seen: AGENT_LOG,
    todo: 'Nothing: it is sent once more at most. If it repeats, check power and antenna.',
  },
};

/** What stands in `error` of an HTTP answer. */
export const ANSWERS: Record<string, Explained & { status: string }> = {
  invalid: {
    status: '400, 408, 413, 414, 415, 431',
    means:
      'The request, or a line of it, is not what was expected; `problems` or `message` says where and what.',
    seen: 'gateways, sources, whoever asks for history',
    todo: 'Mend what `problems` names. A gateway halves a refused range down to the row.',
  },
  unauthorised: {
    status: '401',
    means: 'No token, or none that this relay knows.',
    seen: 'gateways, sources, viewers',
    todo: 'Send `Authorization: Bearer …` with the token that the relay’s file has.',
  },
  forbidden: {
    status: '403',
    means: 'Known, but not for this gateway or clinic.',
    seen: 'gateways, viewers',
    todo: 'See `log.bound` above, and `gateways` in the relay’s file.',
  },
  expired: {
    status: '410',
    means: 'The claim token is too old.',
    seen: 'a gateway that enrols: `problem` of its relay in `/api/status`',
    todo: 'Make another with `coldwatch relay gateways invite`, and write it into the site file.',
  },
  revoked: {
    status: '403',
    means: 'The certificate of this gateway was revoked, or another card took its place.',
    seen: 'gateways',
    todo: 'If it is the right card, invite the gateway again and write the new token into its site file.',
  },
  retired: {
    status: '403',
    means: 'An operator has retired this gateway; the message has the reason.',
    seen: 'gateways',
    todo: 'Switch it off, or take it back with `coldwatch relay gateways invite`.',
  },
  waiting: {
    status: '202',
    means: 'This claim token was used with another card: an operator must approve this one.',
    seen: 'a gateway that enrols',
    todo: 'Look at `coldwatch relay gateways list`. If the card is yours: `approve`. If not: `revoke`.',
  },
  unknown: {
    status: '404',
    means: 'There is no such source, or no such path.',
    seen: 'sources, whoever asked',
    todo: 'Use one of the paths that the message or api.md lists; webhooks are named in `sources.webhooks`.',
  },
  refused: {
    status: '413, 422',
    means: 'The log will never take this: see `wire.too_large` and `wire.invalid` above.',
    seen: 'gateways, sources',
    todo: 'A gateway does what is needed by itself. A source must send something else.',
  },
  elsewhere: {
    status: '421',
    means: 'Another relay serves this gateway, at `url`.',
    seen: 'gateways',
    todo: 'Nothing: agents follow.',
  },
  busy: {
    status: '429, 503',
    means: 'Not now: too much at once, or log or archive is away.',
    seen: 'gateways, sources, viewers',
    todo: 'Try again after `Retry-After` seconds.',
  },
  throttled: {
    status: '429',
    means: 'Too many wrong tokens from this address.',
    seen: 'gateways, viewers',
    todo: 'Wait as long as `Retry-After` says, then send the right one.',
  },
  failed: {
    status: '500',
    means: 'Something inside went wrong; what, is in the relay’s log alone.',
    seen: 'whoever asked',
    todo: 'Read the relay’s log, and report it.',
  },
};
