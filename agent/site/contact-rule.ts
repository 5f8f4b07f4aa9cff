import { type Rule, ruleSchema } from '../../core/detect/rules.js';
import type { ContactConfig } from './schema.js';

/** The rule that a contact's role implies: a door that stands open, mains that are not there. */
export function contactRule({ role, after, severity }: ContactConfig): Rule {
  const alert = role === 'door' ? 'door_open' : 'mains_lost';
  return ruleSchema.parse({
    kind: 'contact',
    name: role,
    when: role === 'door' ? 1 : 0,
    dwell: `${after}ms`,
    severity,
    alert,
  });
}
