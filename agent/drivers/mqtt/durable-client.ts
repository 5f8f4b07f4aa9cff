import { connect, type IClientOptions, type MqttClient } from 'mqtt';

/*
 * QoS 1 says: the broker repeats what is not confirmed (PUBACK). mqtt.js confirms as soon as `handleMessage` calls
 * back, and handles the next packet only after that: confirming after an fsync would mean one fsync a message.
 * So packets are let through at once and only the outgoing PUBACKs are held, until the ring says "durable".
 */
type Outgoing = { cmd: string; messageId?: number };
type Send = (packet: Outgoing, done?: (error?: Error) => void, ...rest: unknown[]) => void;

export interface DurableClient {
  client: MqttClient;
  /** Confirms one message to the broker, if the connection that brought it still stands. */
  confirm(messageId: number, generation: number): void;
  /** Changes with each connection: a confirmation never crosses over to another session. */
  generation(): number;
}

export function connectDurable(url: string, options: IClientOptions): DurableClient {
  const client = connect(url, { ...options, manualConnect: true });
  const target = client as unknown as { _sendPacket?: Send };
  if (typeof target._sendPacket !== 'function') {
    throw new Error('this version of mqtt.js sends packets in another way: PUBACKs cannot be held');
  }
  const send = target._sendPacket.bind(client) as Send;
  let generation = 0;
  client.on('connect', () => {
    generation += 1;
  });
  target._sendPacket = (packet, done, ...rest) => {
    if (packet.cmd === 'puback') done?.();
    else send(packet, done, ...rest);
  };
  client.connect();
  return {
    client,
    generation: () => generation,
    confirm(messageId, of) {
      if (of === generation && client.connected) send({ cmd: 'puback', messageId });
    },
  };
}
