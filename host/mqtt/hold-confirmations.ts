/*
 * QoS 1 says: the broker repeats what is not confirmed (PUBACK). mqtt.js confirms as soon as `handleMessage` calls
 * back, and handles the next packet only after that: confirming after an fsync would mean one fsync a message.
 * So packets are let through at once and only the outgoing PUBACKs are held, until somebody says "durable".
 */
type Outgoing = { cmd: string; messageId?: number };
type Send = (packet: Outgoing, done?: (error?: Error) => void, ...rest: unknown[]) => void;

/** What we need of mqtt.js's client, so that nothing here imports it. */
export interface ConfirmingClient {
  connected: boolean;
  on(event: 'connect', listener: () => void): unknown;
}

export interface Confirmations {
  /** Confirms one message to the broker, if the connection that brought it still stands. */
  confirm(messageId: number, generation: number): void;
  /** Changes with each connection: a confirmation never crosses over to another session. */
  generation(): number;
}

/** Before the client connects. */
export function holdConfirmations(client: ConfirmingClient): Confirmations {
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
  return {
    generation: () => generation,
    confirm(messageId, of) {
      if (of === generation && client.connected) send({ cmd: 'puback', messageId });
    },
  };
}
