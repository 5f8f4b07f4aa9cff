/** Names under which a relay writes for itself: alerts, schemas, and what it hears from a site's broker. */
export type OwnName = 'relay' | 'schema-registry' | `mqtt-${string}`;
const FIXED: readonly string[] = ['relay', 'schema-registry'] satisfies OwnName[];

export const brokerName = (broker: string): OwnName => `mqtt-${broker}`;

/** A gateway of such a name would write over what the relay holds. */
export const isReserved = (gateway: string, brokers: readonly { name: string }[]) =>
  FIXED.includes(gateway) || brokers.some(({ name }) => brokerName(name) === gateway);
