import type { Driver, DriverSink } from '../drivers/driver.js';
import type { Startable } from '../watch/starts.js';

/** A driver as something that may be unable to start now: what a failed start has opened is closed again. */
export function startable(driver: Driver, sink: DriverSink): Startable {
  const start = () =>
    driver.start(sink).catch(async (error: unknown) => {
      await driver.stop();
      throw error;
    });
  return { name: driver.name, lacks: 'Its sensors are not read', severity: 'critical', start };
}
