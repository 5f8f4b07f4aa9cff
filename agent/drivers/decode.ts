import type { DeviceModel } from '../site/model.js';
import type { Decoded } from './driver.js';
import { decodeW1 } from './gpio/w1-decode.js';
import { decodeKernel } from './kernel/decode.js';
import { decodeMqtt } from './mqtt/decode.js';
import { decodeLine } from './serial/line-decode.js';
import { decodeResponse } from './serial/modbus-decode.js';

/**
 * One payload through a device model, as its driver would take it. `topic` is the MQTT topic, or the name of the
 * kernel's file.
 */
export function decodeWith(
  { protocol }: Pick<DeviceModel, 'protocol'>,
  payload: Buffer,
  topic?: string,
): Decoded {
  switch (protocol.transport) {
    case 'w1':
      return decodeW1(payload.toString('latin1'));
    case 'kernel': {
      const file = protocol.values.find((value) => value.file === topic)?.file ?? protocol.values[0]!.file;
      return decodeKernel(protocol, new Map([[file, payload.toString('latin1')]]));
    }
    case 'modbus':
      return decodeResponse(protocol, payload);
    case 'line':
      return decodeLine(protocol, payload.toString('latin1').replace(/[\r\n]+$/, ''));
    case 'mqtt':
      return decodeMqtt(protocol, payload, topic);
  }
}
