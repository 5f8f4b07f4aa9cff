import { crc16 } from '../../agent/drivers/serial/modbus-decode.js';
import type { PtyEnd } from './pty.js';

export type ModbusFault = 'silent' | 'crc' | 'exception' | 'garbage';

/** Modbus RTU slaves on one bus, at the level of bytes: reads of registers, and what goes wrong in the field. */
export class ModbusBus {
  readonly #pty: PtyEnd;
  readonly #units = new Map<number, Map<number, number>>();
  readonly faults = new Map<number, ModbusFault>();
  #buffer = Buffer.alloc(0);
  requests = 0;

  constructor(pty: PtyEnd) {
    this.#pty = pty;
    pty.onData((bytes) => this.#feed(bytes));
  }

  /** Sets a register (by its wire address) of a unit; a unit exists once it has one. */
  set(unit: number, address: number, value: number): void {
    const registers = this.#units.get(unit) ?? new Map<number, number>();
    registers.set(address, Math.round(value) & 0xffff);
    this.#units.set(unit, registers);
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
      this.#answer(request);
    }
  }

  #answer(request: Buffer): void {
    const [unit, code] = [request[0]!, request[1]!];
    this.requests += 1;
    const registers = this.#units.get(unit);
    const fault = this.faults.get(unit);
    if (!registers || fault === 'silent') return;
    if (fault === 'garbage') return this.#pty.write(Buffer.from([0x13, 0x37, 0x00, 0xff, 0x42]));
    if (fault === 'exception') return this.#send(Buffer.from([unit, code | 0x80, 2]));
    const [address, count] = [request.readUInt16BE(2), request.readUInt16BE(4)];
    const values = Array.from({ length: count }, (_, i) => registers.get(address + i));
    if (values.includes(undefined)) return this.#send(Buffer.from([unit, code | 0x80, 2]));
    const body = Buffer.alloc(3 + count * 2);
    body.set([unit, code, count * 2]);
    values.forEach((value, i) => {
      body.writeUInt16BE(value!, 3 + i * 2);
    });
    this.#send(body, fault === 'crc');
  }

  #send(body: Buffer, spoil = false): void {
    const crc = Buffer.alloc(2);
    crc.writeUInt16LE(crc16(body) ^ (spoil ? 0x0101 : 0));
    this.#pty.write(Buffer.concat([body, crc]));
  }
}
