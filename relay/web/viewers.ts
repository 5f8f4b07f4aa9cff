import { BlockList, isIP, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../core/clock/clock.js';
import { own } from '../../core/own.js';
import { sameSecret } from '../../host/secret.js';
import { type Refusal, unauthorised } from './guard.js';
import { closedPage } from './login-page.js';
import type { Sessions } from './port.js';
import type { ViewersConfig } from './schema.js';
import { bearerOf, findSecret, markOf } from './secret.js';
import type { Tries } from './tries.js';

/** A browser is let in for a shift; then it shows a token again. */
const SESSION_MS = 12 * 3_600_000;
const PURPOSE = 'viewer session';

/** Headers of a proxy: whoever asks is then not who is connected. */
const PASSED_ON = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];

/**
 * Who may look at what the relay knows: by a viewer's token, by the session that a browser got for one, or from an
 * address that the relay's file names. A session is a mark that only this relay's file can make, so nothing is kept
 * of it; it ends by itself, and with the token.
 */
export class Viewers implements Sessions {
  readonly #tokens: Readonly<Record<string, string>>;
  readonly #open = new BlockList();
  readonly #hosts: Set<string>;
  readonly #clock: Clock;
  readonly #tries: Tries;
  /** Browsers send the cookie over TLS only. */
  readonly #secure: boolean;
  readonly #cookie: string;

  constructor(
    config: ViewersConfig | undefined,
    http: { public_url?: string | undefined; tls?: object | undefined },
    clock: Clock,
    tries: Tries,
  ) {
    this.#tokens = config?.tokens ?? {};
    for (const range of config?.open_to ?? []) {
      const [network, bits] = range.split('/') as [string, string];
      this.#open.addSubnet(network, Number(bits), isIPv6(network) ? 'ipv6' : 'ipv4');
    }
    this.#hosts = new Set(http.public_url === undefined ? [] : [new URL(http.public_url).hostname]);
    this.#clock = clock;
    this.#tries = tries;
    this.#secure = http.tls !== undefined || http.public_url?.startsWith('https:') === true;
    this.#cookie = this.#secure ? '__Host-coldwatch' : 'coldwatch';
  }

  /** The porter of everything that is to look at. */
  readonly porter = (request: FastifyRequest): Refusal | undefined => {
    if (this.#byCookie(request.headers.cookie) !== undefined || this.#byAddress(request)) return undefined;
    const token = bearerOf(request.headers.authorization);
    const tried = token === undefined ? undefined : this.#try(token, request.ip);
    if (tried !== undefined) return typeof tried === 'string' ? undefined : tried;
    const wantsPage = request.method === 'GET' && request.headers.accept?.includes('text/html');
    const refusal = unauthorised('expected a viewer’s bearer token (`viewers` in the relay’s file)');
    return wantsPage ? { ...refusal, type: 'text/html; charset=utf-8', body: closedPage() } : refusal;
  };

  sessionEnd(request: FastifyRequest): number | undefined {
    const token = bearerOf(request.headers.authorization);
    if (token !== undefined && this.#nameOf(token) !== undefined) return Number.POSITIVE_INFINITY;
    return this.#byCookie(request.headers.cookie);
  }

  /** The cookie for who knows a token; a refusal for who has shown too many that are none. */
  login(token: string, address: string): string | Refusal | undefined {
    const name = this.#try(token, address);
    if (typeof name !== 'string') return name;
    const text = `${name}.${this.#clock.wall() + SESSION_MS}`;
    return this.#setCookie(`${text}.${markOf(this.#tokens[name]!, PURPOSE, text)}`, SESSION_MS / 1000);
  }

  logout(): string {
    return this.#setCookie('', 0);
  }

  /** Whose token it is. While an address has no try left, not even the right one is looked at. */
  #try(token: string, address: string): string | Refusal | undefined {
    const refusal = this.#tries.refusal(address);
    if (refusal) return refusal;
    const name = this.#nameOf(token);
    if (name === undefined) this.#tries.failed(address);
    return name;
  }

  #nameOf(token: string): string | undefined {
    return findSecret(Object.entries(this.#tokens), ([, secret]) => secret, token)?.[0];
  }

  #byCookie(header: string | undefined): number | undefined {
    const value = cookieOf(header, this.#cookie);
    const [name, end, mark] = value?.split('.') ?? [];
    if (name === undefined || end === undefined || mark === undefined) return undefined;
    const token = own(this.#tokens, name);
    if (token === undefined || !sameSecret(mark, markOf(token, PURPOSE, `${name}.${end}`))) return undefined;
    return Number(end) > this.#clock.wall() ? Number(end) : undefined;
  }

  /** Only as who is connected itself, and under a name that no stranger's web page can give this relay. */
  #byAddress({ headers, ip, host }: FastifyRequest): boolean {
    if (PASSED_ON.some((header) => headers[header] !== undefined)) return false;
    return this.#open.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4') && this.#isOurName(host);
  }

  #isOurName(host: string): boolean {
    const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
    return isIP(name) !== 0 || !name.includes('.') || LOCAL_NAME.test(name) || this.#hosts.has(name);
  }

  #setCookie(value: string, seconds: number): string {
    const secure = this.#secure ? '; Secure' : '';
    return `${this.#cookie}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`;
  }
}

/** Names that the internet's name servers give nobody. */
const LOCAL_NAME = /\.(local|localhost|internal|lan|home\.arpa|test)$/;

function cookieOf(header: string | undefined, name: string): string | undefined {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** What the relay says of its own doors when it starts. */
export function describeViewers(config: ViewersConfig | undefined): { closed: boolean; text: string } {
  const tokens = Object.keys(config?.tokens ?? {});
  const ranges = config?.open_to ?? [];
  if (tokens.length + ranges.length === 0)
    return {
      closed: true,
      text: 'the page, history and metrics are closed to everybody: `viewers` in the relay’s file lets people and Prometheus in',
    };
  const by = [
    ...(tokens.length > 0 ? [`the tokens of ${tokens.join(', ')}`] : []),
    ...(ranges.length > 0 ? [`everybody at ${ranges.join(', ')}`] : []),
  ];
  return { closed: false, text: `the page, history and metrics are open to ${by.join(' and ')}` };
}
