import { z } from 'zod';
import { idSchema } from '../../core/identity.js';

const hex = (characters: number) => z.string().regex(new RegExp(`^[0-9a-f]{${characters}}$`));
/** SHA-256: of a claim token, or of a public key (its SubjectPublicKeyInfo). */
const digest = hex(64);
const serial = z.string().regex(/^[0-9a-f]{2,40}$/);
const who = z.string().max(100);

const base = { gateway: idSchema, atMs: z.int() };

/** What happened to a gateway's identity, as it stands in the log, in one order for all relays. */
export const enrolmentSchema = z.discriminatedUnion('what', [
  z.strictObject({
    ...base,
    what: z.literal('invited'),
    clinic: idSchema,
    token: digest,
    untilMs: z.int(),
    by: who,
  }),
  z.strictObject({
    ...base,
    what: z.literal('claimed'),
    token: digest,
    key: digest,
    serial,
    untilMs: z.int(),
  }),
  z.strictObject({ ...base, what: z.literal('renewed'), by: serial, key: digest, serial, untilMs: z.int() }),
  z.strictObject({ ...base, what: z.literal('waiting'), token: digest, key: digest }),
  z.strictObject({ ...base, what: z.literal('approved'), key: digest, by: who }),
  z.strictObject({ ...base, what: z.literal('revoked'), by: who }),
  z.strictObject({ ...base, what: z.literal('retired'), by: who, reason: z.string().max(400) }),
]);
export type Enrolment = z.output<typeof enrolmentSchema>;

interface Certificate {
  key: string;
  untilMs: number;
  revoked: boolean;
}

interface Invitation {
  untilMs: number;
  /** The key that used it. */
  key: string | undefined;
}

/** Another key that came with a token that was used: a new card with the old one's file, or a copy of a card. */
export interface Waiting {
  key: string;
  token: string;
  atMs: number;
}

export interface Known {
  clinic: string;
  invitations: Map<string, Invitation>;
  certificates: Map<string, Certificate>;
  waiting: Waiting | undefined;
  /** Keys that waited, since it was last invited. */
  waits: number;
  approved: Set<string>;
  retired: { atMs: number; by: string; reason: string } | undefined;
}

/** So many invitations and certificates of a gateway are remembered: the oldest go. */
const REMEMBERED = 20;
/** Somebody who has a used token may come with ever new keys. */
const WAITS_MAX = 20;

export type ClaimVerdict =
  | { verdict: 'issue'; clinic: string }
  | { verdict: 'wait' }
  | { verdict: 'refuse'; why: 'unknown' | 'expired' | 'retired' };

/** Who is enrolled. Pure: what the log says, in its order; of two that use one token, the first has it. */
export class EnrolmentBook {
  readonly #gateways = new Map<string, Known>();

  get(gateway: string): Known | undefined {
    return this.#gateways.get(gateway);
  }

  all(): ReadonlyMap<string, Known> {
    return this.#gateways;
  }

  /** Whether that certificate is one of the gateway's. Its dates are TLS's business. */
  accepts(gateway: string, serial: string): boolean {
    const known = this.#gateways.get(gateway);
    const certificate = known?.certificates.get(serial);
    return certificate !== undefined && !certificate.revoked && known?.retired === undefined;
  }

  claim(gateway: string, token: string, key: string, nowMs: number): ClaimVerdict {
    const known = this.#gateways.get(gateway);
    const invitation = known?.invitations.get(token);
    if (!known || !invitation) return { verdict: 'refuse', why: 'unknown' };
    if (known.retired) return { verdict: 'refuse', why: 'retired' };
    if (mayUse(known, invitation, key)) {
      // Whoever used it in time and did not hear the answer may ask again for as long.
      if (nowMs > invitation.untilMs && !known.approved.has(key))
        return { verdict: 'refuse', why: 'expired' };
      return { verdict: 'issue', clinic: known.clinic };
    }
    return { verdict: 'wait' };
  }

  /** Whether it is to be written down that this key waits: once, and not for keys without end. */
  isNews(gateway: string, key: string): boolean {
    const known = this.#gateways.get(gateway);
    return known !== undefined && known.waiting?.key !== key && known.waits < WAITS_MAX;
  }

  take(event: Enrolment): void {
    if (event.what === 'invited') return this.#invite(event);
    const known = this.#gateways.get(event.gateway);
    if (!known) return;
    if (event.what === 'claimed') claim(known, event);
    else if (event.what === 'renewed') renew(known, event);
    else if (event.what === 'waiting') wait(known, event);
    else if (event.what === 'approved') known.approved.add(event.key);
    else if (event.what === 'revoked') revokeAll(known);
    else known.retired = { atMs: event.atMs, by: event.by, reason: event.reason };
  }

  /** A new invitation takes a retired gateway back; its former certificates stay void. */
  #invite({ gateway, clinic, token, untilMs }: Enrolment & { what: 'invited' }): void {
    const known = this.#gateways.get(gateway) ?? unknown(clinic);
    this.#gateways.set(gateway, known);
    if (known.invitations.has(token)) return;
    if (known.retired) revokeAll(known);
    known.clinic = clinic;
    known.retired = undefined;
    known.waits = 0;
    remember(known.invitations, token, { untilMs, key: undefined });
  }
}

const unknown = (clinic: string): Known => ({
  clinic,
  invitations: new Map(),
  certificates: new Map(),
  waiting: undefined,
  waits: 0,
  approved: new Set(),
  retired: undefined,
});

const mayUse = (known: Known, invitation: Invitation, key: string) =>
  invitation.key === undefined || invitation.key === key || known.approved.has(key);

function claim(known: Known, { token, key, serial, untilMs }: Enrolment & { what: 'claimed' }): void {
  const invitation = known.invitations.get(token);
  if (!invitation || known.retired || !mayUse(known, invitation, key)) return;
  invitation.key = key;
  known.approved.delete(key);
  if (known.waiting?.key === key) known.waiting = undefined;
  // Another key is another card: the one before is out.
  for (const certificate of known.certificates.values())
    if (certificate.key !== key) certificate.revoked = true;
  remember(known.certificates, serial, { key, untilMs, revoked: false });
}

function wait(known: Known, { key, token, atMs }: Enrolment & { what: 'waiting' }): void {
  known.waiting = { key, token, atMs };
  known.waits += 1;
}

/** The former one is good until it ends: its holder may not have heard the answer. */
function renew(known: Known, { by, key, serial, untilMs }: Enrolment & { what: 'renewed' }): void {
  const former = known.certificates.get(by);
  if (!former || former.revoked || known.retired) return;
  remember(known.certificates, serial, { key, untilMs, revoked: false });
}

function revokeAll(known: Known): void {
  for (const certificate of known.certificates.values()) certificate.revoked = true;
  // What was not used yet may have been read from the same card.
  known.invitations.clear();
  known.approved.clear();
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  if (map.size > REMEMBERED) map.delete(map.keys().next().value as string);
}
