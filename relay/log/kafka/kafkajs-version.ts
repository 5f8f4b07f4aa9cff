import { ColdwatchError } from '../../../core/errors.js';

/** The one whose insides are replaced or called here: another's nobody has held against the test suites. */
export const KAFKAJS = '2.2.4';

/** Throws log.client where another kafkajs is installed. */
export function refuseOther(installed: string): void {
  if (installed === KAFKAJS) return;
  throw new ColdwatchError(
    'log.client',
    `kafkajs ${installed} is installed, expected ${KAFKAJS}: parts of that very version are replaced (relay/log/kafka/client.ts). ` +
      `Install what the lockfile names (npm ci), or this version alone: npm install --save-exact kafkajs@${KAFKAJS}`,
  );
}
