import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { GATEWAY_URN } from '../../core/contract/enrolment.js';
import { ColdwatchError, messageOf } from '../../core/errors.js';
import { fingerprintOf } from '../../host/secret.js';

x509.cryptoProvider.set(webcrypto as never);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const YEAR_MS = 366 * 86_400_000;
const ROOT_MS = 20 * YEAR_MS;
/**
 * A gateway without a clock of its own starts in 1970, or where it was switched off: nothing of ours is ever "not yet
 * valid". That a certificate begins early lets nobody in: what it ends with, and the book, do the work.
 */
const ALWAYS = new Date(0);
/** RFC 5280, 4.1.2.2: positive, at most 20 octets; of chance, so that relays need not agree on the next one. */
const SERIAL_BYTES = 16;

const [CERTIFICATE, KEY, FORMER] = ['ca.pem', 'ca.key', 'former.pem'];

/** The authority that certifies an installation's gateways, in a folder of its own. */
export class Authority {
  /** PEM of those whose certificates are believed: its own, and the former ones. */
  readonly roots: string;
  readonly #certificate: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(certificate: x509.X509Certificate, key: webcrypto.CryptoKey, roots: string) {
    this.#certificate = certificate;
    this.#key = key;
    this.roots = roots;
  }

  static async open(folder: string): Promise<Authority> {
    try {
      const pem = readFileSync(join(folder, CERTIFICATE), 'utf8');
      const der = x509.PemConverter.decode(readFileSync(join(folder, KEY), 'utf8'))[0]!;
      const key = (await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, [
        'sign',
      ])) as webcrypto.CryptoKey;
      const former = join(folder, FORMER);
      const roots = pem + (existsSync(former) ? readFileSync(former, 'utf8') : '');
      return new Authority(new x509.X509Certificate(pem), key, roots);
    } catch (error) {
      throw new ColdwatchError(
        'enrol.authority',
        `${folder} has no authority that can be used (${messageOf(error)}): make one with coldwatch relay ca init`,
      );
    }
  }

  /** A certificate for a request that was examined, good until then. PEM. */
  async certifyGateway(request: GatewayRequest, serial: string, until: Date): Promise<string> {
    const names = [{ type: 'url' as const, value: `${GATEWAY_URN}${request.gateway}` }];
    return this.#sign(request.publicKey, `CN=${request.gateway}`, serial, until, [
      new x509.SubjectAlternativeNameExtension(names),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ]);
  }

  /** What a relay shows to gateways that know this authority: key and certificate for these names and addresses. PEM. */
  async certifyRelay(names: readonly string[], until: Date): Promise<{ certificate: string; key: string }> {
    const keys = await newKeys();
    const alternatives = names.map((value) => ({
      type: isIP(value) ? ('ip' as const) : ('dns' as const),
      value,
    }));
    const certificate = await this.#sign(keys.publicKey, `CN=${names[0]}`, newSerial(), until, [
      new x509.SubjectAlternativeNameExtension(alternatives),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ]);
    return { certificate, key: await pemOf(keys.privateKey) };
  }

  async #sign(
    publicKey: x509.PublicKey | webcrypto.CryptoKey,
    subject: string,
    serialNumber: string,
    notAfter: Date,
    extensions: x509.Extension[],
  ): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber,
      subject,
      issuer: this.#certificate.subject,
      notBefore: ALWAYS,
      notAfter,
      publicKey,
      signingKey: this.#key,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate.publicKey),
        ...extensions,
      ],
    });
    return `${certificate.toString('pem')}\n`;
  }
}

/** Makes an authority, or a new one beside a former, whose certificates are believed as long as they are good. */
export async function makeAuthority(
  folder: string,
  name: string,
  nowMs: number,
): Promise<'made' | 'rotated'> {
  const [certificatePath, keyPath, formerPath] = [CERTIFICATE, KEY, FORMER].map((file) => join(folder, file));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const rotated = hasAuthority(folder);
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    // Of the same name, two roots would be tried for one another.
    name: `CN=${name} ${new Date(nowMs).toISOString().slice(0, 10)} ${newSerial().slice(0, 6)}`,
    notBefore: ALWAYS,
    notAfter: new Date(nowMs + ROOT_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  if (rotated) {
    const former = existsSync(formerPath!) ? readFileSync(formerPath!, 'utf8') : '';
    replace(formerPath!, readFileSync(certificatePath!, 'utf8') + former);
  }
  // A kill in between leaves a key that does not fit, which opening finds; the same command makes both anew.
  replace(keyPath!, await pemOf(keys.privateKey));
  replace(certificatePath!, `${certificate.toString('pem')}\n`);
  return rotated ? 'rotated' : 'made';
}

export const hasAuthority = (folder: string): boolean => existsSync(join(folder, CERTIFICATE));

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

const newKeys = async () =>
  (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;

const pemOf = async (key: webcrypto.CryptoKey) =>
  `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;

export function newSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  // The first bit would be a sign, and zeros in front are no part of a number.
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

export interface GatewayRequest {
  gateway: string;
  publicKey: x509.PublicKey;
  /** SHA-256 of its SubjectPublicKeyInfo, hex. */
  key: string;
}

/**
 * Examines a request: signed by its own key, of P-256 or more, and for that gateway. Rejects with wire.invalid; what else
 * it asks for (other names, extensions) is not certified but refused, as somebody meant it.
 */
export async function examine(csr: string, gateway: string): Promise<GatewayRequest> {
  const request = parse(csr);
  if (!(await request.verify().catch(() => false))) throw invalid('csr', 'a request that its own key signed');
  const { algorithm, rawData } = request.publicKey;
  const { name, modulusLength } = algorithm as { name: string; modulusLength?: number };
  if (!(name === 'ECDSA' || (name.startsWith('RSA') && (modulusLength ?? 0) >= 2048)))
    throw invalid('csr', 'a key of ECDSA, or of RSA with 2048 bits');
  const names = request.extensions
    .filter((extension) => extension instanceof x509.SubjectAlternativeNameExtension)
    .flatMap((extension) => extension.names.items.map(({ type, value }) => `${type}:${value}`));
  const wanted = names.length > 0 ? names : [request.subject];
  const allowed = names.length > 0 ? `url:${GATEWAY_URN}${gateway}` : `CN=${gateway}`;
  if (wanted.some((one) => one !== allowed) || request.subject !== `CN=${gateway}`)
    throw invalid('csr', `a request for the gateway "${gateway}" and for nothing else`);
  const key = fingerprintOf(Buffer.from(rawData));
  return { gateway, publicKey: request.publicKey, key };
}

function parse(csr: string): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(csr);
  } catch (error) {
    throw invalid('csr', `a certificate request in PEM (${messageOf(error)})`);
  }
}

const invalid = (path: string, expected: string) =>
  new ColdwatchError('wire.invalid', `${path}: expected ${expected}`);
