import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import { idSchema } from '../../core/identity.js';
import { own } from '../../core/own.js';
import { sameSecret } from '../../host/secret.js';
import { isReserved } from '../log/reserved.js';
import { forbidden, type Refusal, unauthorised } from '../web/guard.js';
import { bearerOf } from '../web/secret.js';
import type { Bindings } from './port.js';
import type { GatewaysConfig } from './schema.js';

/**
 * A certificate names its gateway by the URI `urn:coldwatch:gateway:ID` among its alternative names, or, where it has
 * no such URI, by its common name.
 */
const URN = 'URI:urn:coldwatch:gateway:';

/** Who may send as which gateway, and for which clinic. */
export class Gateways implements Bindings {
  readonly #config: GatewaysConfig;
  readonly #certified = new WeakMap<object, string | null>();

  constructor(config: GatewaysConfig) {
    this.#config = config;
  }

  get closed(): boolean {
    const { gateways, tokens, http } = this.#config;
    return gateways !== undefined || tokens !== undefined || http.tls?.client_ca !== undefined;
  }

  clinicOf(id: string): string | undefined {
    return own(this.#config.gateways, id)?.clinic;
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
    const listed = known !== undefined || token !== undefined;
    if ((gateways ?? tokens) && !listed) return unauthorised('expected this gateway’s bearer token');
    if (token !== undefined && !sameSecret(bearerOf(request.headers.authorization) ?? '', token))
      return unauthorised('expected this gateway’s bearer token');
    if (http.tls?.client_ca === undefined) return undefined;
    const name = this.#nameOf(request.raw.socket as TLSSocket);
    if (name === null) return unauthorised('expected a certificate by this relay’s client_ca');
    return name === id ? undefined : forbidden(`this certificate is of the gateway "${name}"`);
  };

  #nameOf(socket: TLSSocket): string | null {
    let name = this.#certified.get(socket);
    if (name === undefined) {
      name = certifiedName(socket);
      this.#certified.set(socket, name);
    }
    return name;
  }
}

/** A session that is taken up again may count as authorised without any certificate: so it must be there, too. */
function certifiedName(socket: TLSSocket): string | null {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  return certificate ? gatewayNamed(certificate) : null;
}

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
