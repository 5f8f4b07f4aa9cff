import 'reflect-metadata';
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { GATEWAY_URN } from '../../core/contract/enrolment.js';

x509.cryptoProvider.set(webcrypto as never);

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };

/** A request (PKCS#10, RFC 2986) to certify that key as this gateway's. Both in PEM. */
export async function requestFor(gateway: string, key: string): Promise<string> {
  const secret = createPrivateKey(key);
  const { subtle } = webcrypto;
  const privateKey = await subtle.importKey(
    'pkcs8',
    secret.export({ type: 'pkcs8', format: 'der' }),
    CURVE,
    false,
    ['sign'],
  );
  const spki = createPublicKey(secret).export({ type: 'spki', format: 'der' });
  const publicKey = await subtle.importKey('spki', spki, CURVE, true, ['verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${gateway}`,
    keys: { privateKey, publicKey } as never,
    signingAlgorithm: { ...CURVE, hash: 'SHA-256' },
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `${GATEWAY_URN}${gateway}` }]),
    ],
  });
  return request.toString('pem');
}
