import type { Decoded, RawSample } from '../driver.js';
import type { ModbusModel } from './schema.js';

type Register = ModbusModel['registers'][number];

/** Contiguous registers of one function, read in one request. */
export interface Block {
  function: Register['function'];
  address: number;
  /** Registers, or bits of functions 1 and 2. */
  length: number;
  registers: Register[];
}

const words = (register: Register) => (register.type.includes('32') ? 2 : 1);
/** Data bytes of an answer: two a register, eight bits in one. */
const bytesOf = ({ function: f, length }: Pick<Block, 'function' | 'length'>) =>
  f <= 2 ? Math.ceil(length / 8) : length * 2;

/** One request per run of neighbouring registers: fewer turns on the bus. */
export function blocksOf(model: ModbusModel): Block[] {
  const sorted = [...model.registers].sort((a, b) => a.function - b.function || a.address - b.address);
  const blocks: Block[] = [];
  for (const register of sorted) {
    const last = blocks.at(-1);
    if (last && last.function === register.function && last.address + last.length === register.address) {
      last.length += words(register);
      last.registers.push(register);
    } else {
      blocks.push({
        function: register.function,
        address: register.address,
        length: words(register),
        registers: [register],
      });
    }
  }
  return blocks;
}

/** The data bytes of a block's answer (without unit, function, count and CRC) → samples. */
export function decodeBlock(block: Block, data: Buffer): Decoded {
  if (data.length !== bytesOf(block)) {
    return { samples: [], problems: [`answer of ${data.length} data bytes, expected ${bytesOf(block)}`] };
  }
  const samples: RawSample[] = [];
  const problems: string[] = [];
  for (const register of block.registers) {
    const at = register.address - block.address;
    const raw = register.type === 'bit' ? bitOf(data, at) : registerValue(register, data.subarray(at * 2));
    if (Number.isFinite(raw)) {
      const { quantity, unit, scale, channel } = register;
      samples.push({ quantity, unit, value: raw * scale, ...(channel === undefined ? {} : { channel }) });
    } else {
      problems.push(`register ${register.address} holds no number`);
    }
  }
  return { samples, problems };
}

/** The first bit is the lowest of the first byte (MODBUS application protocol V1.1b3, 6.1). */
const bitOf = (data: Buffer, at: number) => (data[at >> 3]! >> (at & 7)) & 1;

function registerValue(register: Register, data: Buffer): number {
  const lowFirst = register.type.endsWith('_low_first');
  const bytes = lowFirst ? Buffer.from([data[2]!, data[3]!, data[0]!, data[1]!]) : data;
  switch (register.type) {
    case 'int16':
      return bytes.readInt16BE(0);
    case 'uint16':
      return bytes.readUInt16BE(0);
    case 'int32':
    case 'int32_low_first':
      return bytes.readInt32BE(0);
    case 'uint32':
    case 'uint32_low_first':
      return bytes.readUInt32BE(0);
    default:
      return bytes.readFloatBE(0);
  }
}

/*
 * A whole RTU response: unit, function, count, data, CRC-16 low byte first (MODBUS over serial line V1.02).
 * An exception is unit, function | 0x80, code, CRC.
 */
export function decodeResponse(model: ModbusModel, frame: Buffer): Decoded {
  const none = (problem: string): Decoded => ({ samples: [], problems: [problem] });
  if (frame.length < 5) return none(`frame of ${frame.length} bytes, expected at least 5`);
  const body = frame.subarray(0, -2);
  if (crc16(body) !== frame.readUInt16LE(frame.length - 2))
    return none('wrong CRC: noise on the bus, or a wrong baud rate');
  const code = frame[1]!;
  if (code & 0x80)
    return none(`the device refused with exception ${frame[2]}: ${EXCEPTIONS[frame[2]!] ?? 'unknown'}`);
  const data = body.subarray(3);
  const block = blockOfAnswer(model, code, data.length);
  if (frame[2] !== data.length || !block)
    return none(`function ${code} with ${data.length} data bytes is not of this model`);
  return decodeBlock(block, data);
}

/** The block that was asked for, or its beginning: a frame from a bus tester may hold fewer registers than we read. */
function blockOfAnswer(model: ModbusModel, code: number, bytes: number): Block | undefined {
  const block = blocksOf(model).find((b) => b.function === code && bytesOf(b) >= bytes);
  if (!block) return undefined;
  const length = bytesOf(block) === bytes ? block.length : code <= 2 ? bytes * 8 : bytes / 2;
  const registers = block.registers.filter((r) => r.address + words(r) <= block.address + length);
  return registers.length > 0 ? { ...block, length, registers } : undefined;
}

export const EXCEPTIONS: Record<number, string> = {
  1: 'it does not know this function',
  2: 'it has no such register',
  3: 'it does not accept this length',
  4: 'it failed inside',
  6: 'it is busy',
};

/** CRC-16/MODBUS: polynomial 0xA001 reflected, start 0xFFFF. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return crc;
}
