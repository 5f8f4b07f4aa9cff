import type { ResolvedSensor } from '../../site/resolve.js';
import type { DriverKind } from '../kind.js';
import type { MqttSensor } from './mqtt.js';
import { EMPTY_MQTT_MODEL, type MqttConfig, mqttConfigSchema } from './schema.js';
import { sparkplugTopic } from './sparkplug.js';

export const mqtt: DriverKind<{ config: MqttConfig; gateway: string; probes: MqttSensor[] }> = {
  needs({ config, sensors }) {
    const probes = sensors.flatMap(probeOf);
    if (probes.length === 0 && !config.mqtt) return undefined;
    return { config: config.mqtt ?? mqttConfigSchema.parse({}), gateway: config.gateway, probes };
  },
  async load() {
    const { MqttDriver } = await import('./mqtt.js');
    return ({ config, gateway, probes }, { clock, store, log, passing }) => {
      const session = { clientId: `coldwatch-${gateway}${passing ? '-visit' : ''}`, clean: passing === true };
      return new MqttDriver(config, session, probes, { store, clock, log });
    };
  },
};

function probeOf({ id, source, device }: ResolvedSensor): MqttSensor[] {
  if (source.kind !== 'mqtt') return [];
  const base = device?.protocol.transport === 'mqtt' ? device.protocol : EMPTY_MQTT_MODEL;
  const payload = sparkplugTopic(source.topic) ? ('sparkplug' as const) : base.payload;
  const model = { ...base, payload, values: source.values ?? base.values, time: source.time ?? base.time };
  const place = { device: source.device, channel: source.channel, defaultChannel: base.default_channel };
  return [{ sensor: id, topic: source.topic, model, place }];
}
