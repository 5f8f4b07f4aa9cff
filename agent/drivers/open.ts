import type { ResolvedSite } from '../site/resolve.js';
import type { Driver } from './driver.js';
import { contacts, w1 } from './gpio/index.js';
import { kernel } from './kernel/index.js';
import type { DriverDeps, DriverKind } from './kind.js';
import { mqtt } from './mqtt/index.js';
import { line, modbus } from './serial/index.js';

/**
 * The drivers that a site needs, and only those: a gateway without a modem loads no serial port. What is loaded can be
 * asked to open later, so that loading goes on while the ring is being opened.
 */
export async function loadDrivers(site: ResolvedSite): Promise<(deps: DriverDeps) => Promise<Driver[]>> {
  const loaded = await Promise.all([
    load(w1, site),
    load(kernel, site),
    load(modbus, site),
    load(line, site),
    load(mqtt, site),
    load(contacts, site),
  ]);
  return async (deps) => {
    const drivers = await Promise.all(loaded.map((open) => open?.(deps)));
    return drivers.filter((driver) => driver !== undefined);
  };
}

async function load<N>({ needs, load }: DriverKind<N>, site: ResolvedSite) {
  const needed = needs(site);
  if (needed === undefined) return undefined;
  const open = await load();
  return (deps: DriverDeps) => open(needed, deps);
}
