import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { idSchema } from '../../core/identity.js';
import { jsonOf } from '../../core/payload.js';
import { writeDurably } from '../../host/durable-file.js';
import { fingerprintOf } from '../../host/secret.js';

const FILE = 'identity.json';

const identitySchema = z.strictObject({
  gateway: idSchema,
  /** SHA-256 of the claim token that it is, or will be, certified for. */
  claim: z.string(),
  /** PEM, PKCS#8. It never leaves this machine. */
  key: z.string(),
  /** PEM; null until the relay has certified the key. */
  certificate: z.string().nullable(),
  /** PEM: whom to believe that it is the relay; null: the site file's. */
  ca: z.string().nullable(),
  /** From when on the next certificate is asked for, ms; null: none was given yet. */
  renewAtMs: z.int().nullable(),
});
export type Identity = z.output<typeof identitySchema>;

/**
 * Who this gateway is to the relay: a file in its data folder. The key is written before anything is asked for it, so
 * that an answer that is lost can be asked for again.
 */
export class IdentityFile {
  readonly #file: string;
  readonly #gateway: string;

  constructor(folder: string, gateway: string) {
    this.#file = join(folder, FILE);
    this.#gateway = gateway;
  }

  /** Undefined where there is none for this gateway, or none that can be read. */
  read(): Identity | undefined {
    try {
      const parsed = identitySchema.safeParse(jsonOf(readFileSync(this.#file, 'utf8')));
      if (!parsed.success || parsed.data.gateway !== this.#gateway) return undefined;
      createPrivateKey(parsed.data.key);
      if (parsed.data.certificate !== null) new X509Certificate(parsed.data.certificate);
      return parsed.data;
    } catch {
      return undefined;
    }
  }

  write(identity: Identity): void {
    writeDurably(this.#file, JSON.stringify(identity));
  }

  /** A new key for this token. */
  begin(token: string): Identity {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const identity = {
      gateway: this.#gateway,
      claim: fingerprintOf(token),
      key,
      certificate: null,
      ca: null,
      renewAtMs: null,
    };
    this.write(identity);
    return identity;
  }
}
