import { SerialPort } from 'serialport';
import type { ModemLink } from './modem.js';

/** The modem's serial port as a link. Rejects when it does not open. */
export async function openSerialLink(path: string, baudRate: number): Promise<ModemLink> {
  const port = new SerialPort({ path, baudRate, autoOpen: false });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => (error ? reject(error) : resolve()));
  });
  return {
    write: (data) => void port.write(data, 'latin1'),
    onData: (fn) => port.on('data', (bytes: Buffer) => fn(bytes.toString('latin1'))),
    onClose: (fn) => {
      port.on('close', (error: Error | null) => fn(error?.message ?? 'port closed'));
      port.on('error', (error: Error) => fn(error.message));
    },
    close: () => new Promise<void>((resolve) => (port.isOpen ? port.close(() => resolve()) : resolve())),
  };
}
