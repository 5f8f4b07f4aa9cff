import type { AlarmSensor } from '../alarm/state.js';
import { contactRule } from './contact-rule.js';
import type { ResolvedSite } from './resolve.js';

/** Everything that the alarm watches: sensors, and contacts by what their role implies. */
export function alarmSensors({ config, sensors }: ResolvedSite): AlarmSensor[] {
  return [
    ...sensors.map(({ id, name, allRules, every, device, median_of_three, learn_since }) => ({
      id,
      name,
      rules: allRules,
      everyMs: every ?? device?.every,
      medianOfThree: median_of_three,
      learnSince: learn_since,
    })),
    ...config.contacts.map((contact) => ({
      id: contact.id,
      name: contact.name ?? contact.id,
      rules: [contactRule(contact)],
    })),
  ];
}
