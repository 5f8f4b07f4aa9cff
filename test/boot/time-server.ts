import { createSocket } from 'node:dgram';

const NTP_PORT = 123;
const NTP_EPOCH_S = 2_208_988_800;
const PACKET_BYTES = 48;
/** No leap second, version 4, server. */
const SERVER = 0x24;
const [STRATUM, RECEIVED_AT, SENT_AT, CLIENT_SENT_AT] = [2, 32, 40, 24];

/** A time server (RFC 5905's unicast mode) on the loopback's port 123, which needs root. */
export async function startTimeServer(): Promise<{ close(): void }> {
  const socket = createSocket('udp4');
  socket.on('message', (question, { port, address }) => {
    if (question.length < PACKET_BYTES) return;
    const answer = Buffer.alloc(PACKET_BYTES);
    answer[0] = SERVER;
    answer[1] = STRATUM;
    answer.write('LOCL', 12, 'latin1');
    question.copy(answer, CLIENT_SENT_AT, SENT_AT, SENT_AT + 8);
    stamp(answer, RECEIVED_AT);
    stamp(answer, SENT_AT);
    stamp(answer, 16);
    socket.send(answer, port, address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(NTP_PORT, '127.0.0.1', resolve);
  });
  return { close: () => socket.close() };
}

function stamp(packet: Buffer, at: number): void {
  const now = Date.now();
  packet.writeUInt32BE(Math.floor(now / 1000) + NTP_EPOCH_S, at);
  packet.writeUInt32BE(Math.floor(((now % 1000) / 1000) * 2 ** 32), at + 4);
}
