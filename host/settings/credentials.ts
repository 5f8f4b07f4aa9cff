import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FALLBACK = '/etc/coldwatch/credentials';

/** Secrets by name: files in systemd's $CREDENTIALS_DIRECTORY, else in /etc/coldwatch/credentials. */
export function credential(name: string): string | undefined {
  const folder = process.env.CREDENTIALS_DIRECTORY ?? FALLBACK;
  try {
    return readFileSync(join(folder, name), 'utf8').trim();
  } catch {
    return undefined;
  }
}
