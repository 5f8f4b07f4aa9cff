import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import type { ResolvedSensor, ResolvedSite } from '../config/resolve.js';
import type { Driver, Lines } from './driver.js';
import { openContacts } from './gpio/contacts.js';
import { openW1 } from './gpio/w1.js';
import { type DurableStore, openMqtt } from './mqtt/mqtt.js';
import { mqttConfigSchema } from './mqtt/schema.js';
import { openLine } from './serial/line.js';
import { openModbus } from './serial/modbus.js';

export interface DriverDeps {
  clock: Clock;
  lines: () => Lines;
  store: DurableStore;
  log: Logger;
}

/** The drivers that a site needs, and only those: a gateway without a modem loads no serial port. */
export async function openDrivers({ config, sensors }: ResolvedSite, deps: DriverDeps): Promise<Driver[]> {
  const drivers: Driver[] = [];
  const w1 = sensors.flatMap((s) =>
    s.source.kind === 'w1' ? [{ sensor: s.id, rom: s.source.rom, everyMs: s.everyMs }] : [],
  );
  if (w1.length > 0) drivers.push(await openW1(config.gpio.w1_root, w1));
  const modbus = sensors.flatMap(modbusSensor);
  if (modbus.length > 0) drivers.push(openModbus(modbus, deps.clock));
  const line = sensors.flatMap(lineSensor);
  if (line.length > 0) drivers.push(openLine(line, deps.clock));
  const mqtt = sensors.flatMap(mqttSensor);
  if (mqtt.length > 0 || config.mqtt) {
    const settings = config.mqtt ?? mqttConfigSchema.parse({});
    drivers.push(openMqtt(settings, `coldwatch-${config.gateway}`, mqtt, deps.store, deps.log));
  }
  if (config.contacts.length > 0) {
    const contacts = config.contacts.map(({ id, line, active, every }) => ({
      sensor: id,
      line,
      active,
      everyMs: every,
    }));
    drivers.push(openContacts(deps.lines, contacts));
  }
  return drivers;
}

function modbusSensor({ id, source, device, everyMs }: ResolvedSensor) {
  if (source.kind !== 'modbus' || device?.protocol.transport !== 'modbus') return [];
  return [{ sensor: id, port: source.port, unit: source.unit, everyMs, model: device.protocol }];
}

function lineSensor({ id, source, device, everyMs }: ResolvedSensor) {
  if (source.kind !== 'line' || device?.protocol.transport !== 'line') return [];
  return [{ sensor: id, port: source.port, everyMs, model: device.protocol }];
}

function mqttSensor({ id, source, device }: ResolvedSensor) {
  if (source.kind !== 'mqtt') return [];
  const base = device?.protocol.transport === 'mqtt' ? device.protocol : undefined;
  const values = source.values ?? base?.values ?? [];
  const time = source.time ?? base?.time;
  return [{ sensor: id, topic: source.topic, model: { values, time } }];
}
