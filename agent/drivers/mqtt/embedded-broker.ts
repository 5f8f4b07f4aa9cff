import { createServer } from 'node:net';
import type { Logger } from 'pino';

export interface EmbeddedBroker {
  url: string;
  stop(): Promise<void>;
}

/** A broker inside the agent (aedes, MQTT 3.1.1), for clinics that run none. Its sessions live in memory only. */
export async function startBroker(host: string, port: number, log: Logger): Promise<EmbeddedBroker> {
  // Most clinics with a broker have their own: only the others load one.
  const { Aedes } = await import('aedes');
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle);
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
    stop: async () => {
      await new Promise<void>((resolve) => aedes.close(resolve));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
