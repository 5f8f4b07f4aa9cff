import type { Logger } from 'pino';
import type { Clock } from '../../core/clock/clock.js';
import type { ResolvedSensor, ResolvedSite } from '../site/resolve.js';
import type { ContactConfig } from '../site/schema.js';
import type { Driver, Lines } from './driver.js';
import { openContacts } from './gpio/contacts.js';
import type { DurableStore } from './mqtt/mqtt.js';
import { EMPTY_MQTT_MODEL, mqttConfigSchema } from './mqtt/schema.js';
import { sparkplugTopic } from './mqtt/sparkplug.js';

export interface DriverDeps {
  clock: Clock;
  lines: () => Lines;
  store: DurableStore;
  /** A visit that must leave nothing behind: brokers keep no session for it. */
  passing?: boolean;
  log: Logger;
}

/**
 * The drivers that a site needs, and only those: a gateway without a modem loads no serial port. What is loaded can be
 * asked to open later, so that loading goes on while the ring is being opened.
 */
export async function loadDrivers(site: ResolvedSite): Promise<(deps: DriverDeps) => Promise<Driver[]>> {
  const makers = await Promise.all([
    w1Maker(site),
    kernelMaker(site),
    modbusMaker(site),
    lineMaker(site),
    mqttMaker(site),
  ]);
  return async (deps) => {
    const drivers = await Promise.all(makers.map((make) => make?.(deps)));
    const { contacts } = site.config;
    if (contacts.length > 0) drivers.push(openContacts(deps.lines, contacts.map(contactInput)));
    return drivers.filter((driver) => driver !== undefined);
  };
}

type Maker = ((deps: DriverDeps) => Driver | Promise<Driver>) | undefined;

async function w1Maker({ config, sensors }: ResolvedSite): Promise<Maker> {
  const probes = sensors.flatMap((s) =>
    s.source.kind === 'w1' ? [{ sensor: s.id, rom: s.source.rom, everyMs: s.everyMs }] : [],
  );
  if (probes.length === 0) return undefined;
  const { openW1 } = await import('./gpio/w1.js');
  return () => openW1(config.gpio.w1_root, probes);
}

async function kernelMaker({ config, sensors }: ResolvedSite): Promise<Maker> {
  const probes = sensors.flatMap(kernelSensor);
  if (probes.length === 0) return undefined;
  const { openKernel } = await import('./kernel/kernel.js');
  return () => openKernel(config.gpio.kernel_root, probes);
}

async function modbusMaker({ sensors }: ResolvedSite): Promise<Maker> {
  const probes = sensors.flatMap(modbusSensor);
  if (probes.length === 0) return undefined;
  const { openModbus } = await import('./serial/modbus.js');
  return ({ clock }) => openModbus(probes, clock);
}

async function lineMaker({ sensors }: ResolvedSite): Promise<Maker> {
  const probes = sensors.flatMap(lineSensor);
  if (probes.length === 0) return undefined;
  const { openLine } = await import('./serial/line.js');
  return ({ clock }) => openLine(probes, clock);
}

async function mqttMaker({ config, sensors }: ResolvedSite): Promise<Maker> {
  const probes = sensors.flatMap(mqttSensor);
  if (probes.length === 0 && !config.mqtt) return undefined;
  const { openMqtt } = await import('./mqtt/mqtt.js');
  const settings = config.mqtt ?? mqttConfigSchema.parse({});
  return ({ clock, store, log, passing }) => {
    const session = {
      clientId: `coldwatch-${config.gateway}${passing ? '-visit' : ''}`,
      clean: passing === true,
    };
    return openMqtt(settings, session, probes, store, clock, log);
  };
}

const contactInput = ({ id, line, active, every }: ContactConfig) => ({
  sensor: id,
  line,
  active,
  everyMs: every,
});

function modbusSensor({ id, source, device, everyMs }: ResolvedSensor) {
  if (source.kind !== 'modbus' || device?.protocol.transport !== 'modbus') return [];
  const { registers, default_channel } = device.protocol;
  const wanted = source.channel ?? default_channel;
  // Of a box with many probes only this sensor's registers are read.
  const own = registers.filter(({ channel }) => channel === undefined || channel === wanted);
  return [
    {
      sensor: id,
      port: source.port,
      unit: source.unit,
      everyMs,
      model: { ...device.protocol, registers: own },
    },
  ];
}

function lineSensor({ id, source, device, everyMs }: ResolvedSensor) {
  if (source.kind !== 'line' || device?.protocol.transport !== 'line') return [];
  return [{ sensor: id, port: source.port, everyMs, model: device.protocol }];
}

function mqttSensor({ id, source, device }: ResolvedSensor) {
  if (source.kind !== 'mqtt') return [];
  const base = device?.protocol.transport === 'mqtt' ? device.protocol : EMPTY_MQTT_MODEL;
  const payload = sparkplugTopic(source.topic) ? ('sparkplug' as const) : base.payload;
  const model = { ...base, payload, values: source.values ?? base.values, time: source.time ?? base.time };
  const place = { device: source.device, channel: source.channel, defaultChannel: base.default_channel };
  return [{ sensor: id, topic: source.topic, model, place }];
}

function kernelSensor({ id, source, device, everyMs }: ResolvedSensor) {
  if (source.kind !== 'kernel' || device?.protocol.transport !== 'kernel') return [];
  return [{ sensor: id, at: source.at, everyMs, model: device.protocol }];
}
