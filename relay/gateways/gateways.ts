import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import { GATEWAY_URN } from '../../core/contract/enrolment.js';
import { idSchema } from '../../core/identity.js';
import { own } from '../../core/own.js';
import { sameSecret } from '../../host/secret.js';
import { isReserved } from '../log/reserved.js';
import { forbidden, type Refusal, unauthorised } from '../web/guard.js';
import { bearerOf } from '../web/secret.js';
import type { Bindings } from './port.js';
import type { GatewaysConfig } from './schema.js';

/** Gateways that this relay certified itself. */
export interface Enrolled {
  /** What is known of a gateway that was ever invited. */
  get(gateway: string): { clinic: string; retired: { reason: string } | undefined } | undefined;
  accepts(gateway: string, serial: string): boolean;
  /** Whether the certificate is one that this relay issued. */
  issued(certificate: X509Certificate): boolean;
}

/** What a connection shows of who it is. */
interface Shown {
  name: string;
  /** Of a certificate that this relay issued. */
  serial: string | undefined;
}

/**
 * A certificate names its gateway by the URI `urn:coldwatch:gateway:ID` among its alternative names, or, where it has
 * no such URI, by its common name.
 */
const URN = `URI:${GATEWAY_URN}`;

/** Who may send as which gateway, and for which clinic. */
export class Gateways implements Bindings {
  readonly #config: GatewaysConfig;
  readonly #enrolled: Enrolled | undefined;
  readonly #certified = new WeakMap<object, Shown | null>();

  constructor(config: GatewaysConfig, enrolled?: Enrolled) {
    this.#config = config;
    this.#enrolled = enrolled;
  }

  get closed(): boolean {
    const { gateways, tokens, http } = this.#config;
    const certified = http.tls?.client_ca !== undefined || this.#enrolled !== undefined;
    return certified || gateways !== undefined || tokens !== undefined;
  }

  clinicOf(id: string): string | undefined {
    return own(this.#config.gateways, id)?.clinic ?? this.#enrolled?.get(id)?.clinic;
  }

  /** The porter of what a gateway sends and asks: all that was configured must be shown. */
  readonly porter = (request: FastifyRequest): Refusal | undefined => {
    const { id } = request.params as { id: string };
    if (!idSchema.safeParse(id).success)
      return invalid([{ path: 'gateway', got: JSON.stringify(id).slice(0, 100), expected: 'a gateway id' }]);
    const { gateways, tokens, http, mqtt } = this.#config;
    if (isReserved(id, mqtt)) return forbidden(`"${id}" is a name that the relay itself writes under`);
    const known = own(gateways, id);
    const token = known ? known.token : own(tokens, id);
    const enrolled = this.#enrolled?.get(id);
    if (enrolled?.retired) return retired(enrolled.retired.reason);
    const listed = known !== undefined || token !== undefined || enrolled !== undefined;
    if ((gateways ?? tokens) && !listed) return unauthorised('expected this gateway’s bearer token');
    if (token !== undefined && !sameSecret(bearerOf(request.headers.authorization) ?? '', token))
      return unauthorised('expected this gateway’s bearer token');
    const byToken = token !== undefined && http.tls?.client_ca === undefined;
    if (byToken || !this.#certifies) return undefined;
    return this.#refuseCertificate(id, request.raw.socket as TLSSocket);
  };

  get #certifies(): boolean {
    return this.#config.http.tls?.client_ca !== undefined || this.#enrolled !== undefined;
  }

  #refuseCertificate(id: string, socket: TLSSocket): Refusal | undefined {
    const shown = this.#shownBy(socket);
    if (!shown) return unauthorised('expected a certificate of an authority that this relay knows');
    if (shown.name !== id) return forbidden(`this certificate is of the gateway "${shown.name}"`);
    // Looked at with each request: a connection may have been open for days.
    if (shown.serial === undefined || this.#enrolled?.accepts(id, shown.serial)) return undefined;
    return {
      status: 403,
      body: { error: 'revoked', message: 'the certificate of this gateway was revoked' },
    };
  }

  /** The serial of the certificate with which a request came, where this relay issued it. */
  enrolledBy(request: FastifyRequest): string | undefined {
    return this.#shownBy(request.raw.socket as TLSSocket)?.serial;
  }

  #shownBy(socket: TLSSocket): Shown | null {
    let shown = this.#certified.get(socket);
    if (shown === undefined) {
      shown = this.#read(socket);
      this.#certified.set(socket, shown);
    }
    return shown;
  }

  /** A session that is taken up again may count as authorised without any certificate: so it must be there, too. */
  #read(socket: TLSSocket): Shown | null {
    const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
    const name = certificate ? gatewayNamed(certificate) : null;
    if (!certificate || name === null) return null;
    const ours = this.#enrolled?.issued(certificate) ?? false;
    return { name, serial: ours ? certificate.serialNumber.toLowerCase() : undefined };
  }
}

const retired = (reason: string): Refusal => ({
  status: 403,
  body: { error: 'retired', message: `this gateway was retired: ${reason}` },
});

/** Null for a certificate that names no gateway, or two. */
function gatewayNamed({
  subject,
  subjectAltName,
}: Pick<X509Certificate, 'subject' | 'subjectAltName'>): string | null {
  const urns = (subjectAltName ?? '').split(', ').filter((name) => name.startsWith(URN));
  const names = urns.length > 0 ? urns.map((urn) => urn.slice(URN.length)) : commonNames(subject);
  const [name] = names;
  return names.length === 1 && idSchema.safeParse(name).success ? (name as string) : null;
}

/** One attribute a line; what has several values joins them by " + ". */
const commonNames = (subject: string) =>
  subject.split(/\n| \+ /).flatMap((line) => (line.startsWith('CN=') ? [line.slice(3)] : []));

const invalid = (problems: object[]): Refusal => ({
  status: 400,
  body: { error: 'invalid', problems },
});
