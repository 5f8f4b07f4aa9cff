import type { ResolvedSensor } from '../../site/resolve.js';
import type { DriverKind } from '../kind.js';
import type { LineSensor } from './line.js';
import type { ModbusSensor } from './modbus.js';

export const modbus: DriverKind<ModbusSensor[]> = {
  needs({ sensors }) {
    const probes = sensors.flatMap(modbusProbe);
    return probes.length > 0 ? probes : undefined;
  },
  async load() {
    const { openModbus } = await import('./modbus.js');
    return (probes, { clock }) => openModbus(probes, clock);
  },
};

export const line: DriverKind<LineSensor[]> = {
  needs({ sensors }) {
    const probes = sensors.flatMap(lineProbe);
    return probes.length > 0 ? probes : undefined;
  },
  async load() {
    const { openLine } = await import('./line.js');
    return (probes, { clock }) => openLine(probes, clock);
  },
};

function modbusProbe({ id, source, device, everyMs }: ResolvedSensor): ModbusSensor[] {
  if (source.kind !== 'modbus' || device?.protocol.transport !== 'modbus') return [];
  const { registers, default_channel } = device.protocol;
  const wanted = source.channel ?? default_channel;
  // Of a box with many probes only this sensor's registers are read.
  const own = registers.filter(({ channel }) => channel === undefined || channel === wanted);
  const model = { ...device.protocol, registers: own };
  return [{ sensor: id, port: source.port, unit: source.unit, everyMs, model }];
}

function lineProbe({ id, source, device, everyMs }: ResolvedSensor): LineSensor[] {
  if (source.kind !== 'line' || device?.protocol.transport !== 'line') return [];
  return [{ sensor: id, port: source.port, everyMs, model: device.protocol }];
}
