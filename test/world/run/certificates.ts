import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Tls {
  ca: Buffer;
  cert: Buffer;
  key: Buffer;
}

/** An authority of our own in that folder, and what it certifies. Files are NAME.crt, and one key for all. */
export class Authority {
  readonly #folder: string;
  readonly #name: string;

  constructor(folder: string, name = 'ca') {
    this.#folder = folder;
    this.#name = name;
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    this.#openssl(
      'req',
      '-x509',
      ...ec,
      '-days',
      '2',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      '-subj',
      `/CN=${name}`,
    );
    this.#openssl(
      'genpkey',
      '-algorithm',
      'EC',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-out',
      `${name}-issued.key`,
    );
  }

  /** A certificate whose common name is `name`. */
  issue(name: string, ...alternatives: string[]): Tls {
    const authority = ['-CA', `${this.#name}.crt`, '-CAkey', `${this.#name}.key`];
    const more = alternatives.length > 0 ? ['-addext', `subjectAltName=${alternatives.join(',')}`] : [];
    const file = `${name}.crt`;
    const key = `${this.#name}-issued.key`;
    this.#openssl(
      'req',
      '-x509',
      '-days',
      '2',
      '-key',
      key,
      ...authority,
      '-subj',
      `/CN=${name}`,
      '-addext',
      'basicConstraints=critical,CA:FALSE',
      ...more,
      '-out',
      file,
    );
    const read = (of: string) => readFileSync(`${this.#folder}/${of}`);
    return { ca: read(`${this.#name}.crt`), cert: read(file), key: read(key) };
  }

  /** Of a relay at 127.0.0.1 that asks gateways for certificates of this authority: `http.tls` of its file. */
  relay(): { cert: string; key: string; client_ca: string } {
    this.issue('relay', 'IP:127.0.0.1');
    const path = (of: string) => `${this.#folder}/${of}`;
    return {
      cert: path('relay.crt'),
      key: path(`${this.#name}-issued.key`),
      client_ca: path(`${this.#name}.crt`),
    };
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#folder, stdio: 'ignore' });
  }
}
