import { createServer, type Socket } from 'node:net';
import type { Logger } from 'pino';

/** What a device published. */
export interface Published {
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  dup: boolean;
  /** Of this message, as that device numbers its own; 0 with QoS 0. */
  id: number;
}

export interface EmbeddedBroker {
  url: string;
  publish(topic: string, payload: Buffer): void;
  stop(): Promise<void>;
}

const SYSTEM_TOPICS = '$SYS/';
const PACKET_IDS = 65_536;

/**
 * A broker inside the agent (aedes, MQTT 3.1.1), for clinics that run none. Its sessions live in memory only, so it
 * confirms to the device itself: `take` gets each message first, and only when it calls `kept` is the message confirmed
 * and passed on. (A client of this broker would not do: aedes confirms before it delivers.)
 */
export async function startBroker(
  host: string,
  port: number,
  take: (message: Published, kept: () => void) => void,
  log: Logger,
): Promise<EmbeddedBroker> {
  // Most clinics with a broker have their own: only the others load one.
  const { Aedes } = await import('aedes');
  const aedes = await Aedes.createBroker({
    authorizePublish: (client, packet, done) => {
      if (packet.topic.startsWith(SYSTEM_TOPICS))
        return done(new Error(`${SYSTEM_TOPICS} is the broker’s own`));
      const { topic, payload, qos } = packet;
      const { dup = false, messageId = 0 } = packet as { dup?: boolean; messageId?: number };
      const id = hash(client?.id ?? '') * PACKET_IDS + messageId;
      // A device that is gone by then sends it again.
      const kept = () => !client?.closed && done(null);
      take({ topic, payload: Buffer.from(payload), qos, dup, id }, kept);
    },
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    await new Promise<void>((resolve) => aedes.close(resolve));
    throw error;
  }
  const address = server.address();
  const bound = typeof address === 'object' && address ? address.port : port;
  log.info({ host, port: bound }, 'MQTT broker started inside the agent');
  return {
    url: `mqtt://${host}:${bound}`,
    publish: (topic, payload) =>
      aedes.publish({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false }, () => {}),
    stop: async () => {
      await new Promise<void>((resolve) => aedes.close(resolve));
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Whoever has not finished its CONNECT is no client that aedes would close.
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** FNV-1a: devices number their messages from 1, each for itself. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}
