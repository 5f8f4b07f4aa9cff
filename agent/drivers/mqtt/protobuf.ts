/*
 * Protocol Buffers, the part that a reader needs (protobuf.dev/programming-guides/encoding):
 *   message = (tag value)*       tag = varint(field << 3 | wire type)
 *   wire 0 = varint, 1 = 8 bytes, 2 = varint(length) bytes, 5 = 4 bytes; little-endian
 */
export interface Field {
  number: number;
  /** A varint or fixed value as raw bits; absent for bytes. */
  bits?: bigint;
  bytes?: Buffer;
}

const VARINT_BYTES_MAX = 10;

/** The fields of a message in order. Throws a RangeError when the bytes are no message. */
export function readFields(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      const byte = message[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError('a number does not end');
  };
  const take = (length: number): Buffer => {
    if (at + length > message.length) throw new RangeError('the message is cut off');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = Number(varint() & 0xffffffffn);
    const number = tag >>> 3;
    if (number === 0) throw new RangeError('field 0 does not exist');
    switch (tag & 7) {
      case 0:
        fields.push({ number, bits: varint() });
        break;
      case 1:
        fields.push({ number, bits: take(8).readBigUInt64LE() });
        break;
      case 2:
        fields.push({ number, bytes: take(Number(varint())) });
        break;
      case 5:
        fields.push({ number, bits: BigInt(take(4).readUInt32LE()) });
        break;
      default:
        throw new RangeError(`wire type ${tag & 7} does not exist`);
    }
  }
  return fields;
}

/** One field of a message: a varint, or bytes with their length. */
export function writeField(number: number, value: bigint | Buffer): Buffer {
  if (typeof value === 'bigint') return Buffer.concat([varintOf(BigInt(number << 3)), varintOf(value)]);
  return Buffer.concat([varintOf(BigInt((number << 3) | 2)), varintOf(BigInt(value.length)), value]);
}

function varintOf(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}
