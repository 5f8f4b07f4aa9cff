import { createServer, type Server, type Socket } from 'node:net';
import { crc16 } from '../../../agent/drivers/serial/modbus-decode.js';
import type { PtyEnd } from './pty.js';

export type ModbusFault = 'silent' | 'crc' | 'exception' | 'garbage';

const NOISE = Buffer.from([0x13, 0x37, 0x00, 0xff, 0x42]);

/** Devices by their unit, and what each answers to a read of registers or bits (MODBUS application protocol V1.1b3). */
class ModbusUnits {
  readonly #units = new Map<number, Map<number, number>>();
  readonly faults = new Map<number, ModbusFault>();
  requests = 0;

  /** Sets a register or bit (by its wire address) of a unit; a unit exists once it has one. */
  set(unit: number, address: number, value: number): void {
    const registers = this.#units.get(unit) ?? new Map<number, number>();
    registers.set(address, Math.round(value) & 0xffff);
    this.#units.set(unit, registers);
  }

  /** Function and data of the answer, or nothing where nobody answers. */
  protected answerTo(unit: number, request: Buffer): Buffer | undefined {
    this.requests += 1;
    const registers = this.#units.get(unit);
    const fault = this.faults.get(unit);
    if (!registers || fault === 'silent') return undefined;
    const code = request[0]!;
    if (fault === 'exception') return Buffer.from([code | 0x80, 2]);
    const [address, count] = [request.readUInt16BE(1), request.readUInt16BE(3)];
    const values = Array.from({ length: count }, (_, i) => registers.get(address + i));
    if (values.includes(undefined)) return Buffer.from([code | 0x80, 2]);
    const bits = code <= 2;
    const bytes = bits ? Math.ceil(count / 8) : count * 2;
    const body = Buffer.alloc(2 + bytes);
    body.set([code, bytes]);
    values.forEach((value, i) => {
      if (bits) body[2 + (i >> 3)]! |= value! << (i & 7);
      else body.writeUInt16BE(value!, 2 + i * 2);
    });
    return body;
  }
}

/** Modbus RTU slaves on one bus, at the level of bytes: reads of registers, and what goes wrong in the field. */
export class ModbusBus extends ModbusUnits {
  readonly #pty: PtyEnd;
  #buffer = Buffer.alloc(0);

  constructor(pty: PtyEnd) {
    super();
    this.#pty = pty;
    pty.onData((bytes) => this.#feed(bytes));
  }

  #feed(bytes: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    while (this.#buffer.length >= 8) {
      const request = this.#buffer.subarray(0, 8);
      if (crc16(request.subarray(0, 6)) !== request.readUInt16LE(6)) {
        this.#buffer = this.#buffer.subarray(1);
        continue;
      }
      this.#buffer = this.#buffer.subarray(8);
      const unit = request[0]!;
      const answer = this.answerTo(unit, request.subarray(1, 6));
      if (answer) this.#send(Buffer.concat([Buffer.from([unit]), answer]), this.faults.get(unit));
    }
  }

  #send(body: Buffer, fault: ModbusFault | undefined): void {
    if (fault === 'garbage') return this.#pty.write(NOISE);
    const crc = Buffer.alloc(2);
    crc.writeUInt16LE(crc16(body) ^ (fault === 'crc' ? 0x0101 : 0));
    this.#pty.write(Buffer.concat([body, crc]));
  }
}

/** Modbus/TCP: the same units behind a socket (MODBUS messaging on TCP/IP V1.0b). */
export class ModbusTcp extends ModbusUnits {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    super();
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
      let buffer = Buffer.alloc(0);
      socket.on('data', (bytes) => {
        buffer = Buffer.concat([buffer, bytes]);
        while (buffer.length >= 12) {
          const request = buffer.subarray(0, 12);
          buffer = buffer.subarray(12);
          this.#answer(socket, request);
        }
      });
    });
  }

  #answer(socket: Socket, request: Buffer): void {
    const answer = this.answerTo(request[6]!, request.subarray(7));
    if (!answer) return;
    if (this.faults.get(request[6]!) === 'garbage') return void socket.write(NOISE);
    const head = Buffer.from(request.subarray(0, 7));
    head.writeUInt16BE(answer.length + 1, 4);
    socket.write(Buffer.concat([head, answer]));
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, '127.0.0.1', () => resolve()));
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
