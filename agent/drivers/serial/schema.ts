import { z } from 'zod';
import { duration } from '../../../core/schema.js';
import { channel, channelSchema, deviceUnit, quantity } from '../fields.js';

const serialSettings = {
  baud: z.int().min(300).max(921_600).default(9600).describe('speed of the line'),
  parity: z.enum(['none', 'even', 'odd']).default('none').describe('of each byte'),
  stop_bits: z
    .union([z.literal(1), z.literal(2)])
    .default(1)
    .describe('of each byte'),
};

/** `_low_first`: the register with the lower half comes first. A `bit` is what functions 1 and 2 read: 0 or 1. */
const REGISTER_TYPES = [
  'int16',
  'uint16',
  'int32',
  'int32_low_first',
  'uint32',
  'uint32_low_first',
  'float32',
  'float32_low_first',
  'bit',
] as const;

const MODBUS_TCP = /^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?$/;
const MODBUS_TCP_PORT = 502;

/** Host and port of a Modbus/TCP device or gateway, or undefined for a serial port. */
export function tcpAddress(port: string): { host: string; port: number } | undefined {
  const [, host, number] = MODBUS_TCP.exec(port) ?? [];
  return host === undefined
    ? undefined
    : { host: host.replace(/^\[|\]$/g, ''), port: Number(number ?? MODBUS_TCP_PORT) };
}

const port = z.string().min(1).describe('a serial port; prefer a /dev/serial/by-path name');

export const modbusSourceSchema = z
  .strictObject({
    kind: z.literal('modbus'),
    port: port
      .refine((text) => !text.includes('://') || tcpAddress(text) !== undefined, {
        error: 'expected a serial port, or "tcp://HOST:502"',
      })
      .describe('a serial port (prefer a /dev/serial/by-path name), or tcp://HOST:PORT for Modbus/TCP'),
    unit: z.int().min(1).max(247).default(1).describe('its Modbus address'),
    channel: channelSchema.optional().describe('of several probes on one box, this one'),
  })
  .describe('A Modbus device, on a serial line or over TCP');

export const modbusModelSchema = z
  .strictObject({
    transport: z.literal('modbus'),
    ...serialSettings,
    timeout: duration.default(500).describe('how long an answer may take'),
    default_channel: channelSchema
      .optional()
      .describe('of several channels, the one meant where a sensor names none'),
    registers: z
      .array(
        z
          .strictObject({
            quantity,
            unit: deviceUnit,
            function: z
              .literal([1, 2, 3, 4])
              .describe('1 coils, 2 discrete inputs (both bits), 3 holding registers, 4 input registers'),
            address: z.int().min(0).max(65_535).describe('as it goes on the wire, counted from 0'),
            type: z
              .enum(REGISTER_TYPES)
              .optional()
              .describe('int16 unless said; of functions 1 and 2 always bit'),
            scale: z.number().default(1).describe('what one count is worth'),
            channel,
          })
          .transform(({ type, ...register }) => ({
            ...register,
            type: type ?? (register.function <= 2 ? ('bit' as const) : ('int16' as const)),
          }))
          .refine(({ function: f, type }) => f <= 2 === (type === 'bit'), {
            error: 'expected type "bit" with function 1 or 2, and with no other',
            path: ['type'],
          }),
      )
      .min(1)
      .max(64)
      .describe('what is read'),
  })
  .describe('Modbus RTU, or the same over TCP');

export const lineSourceSchema = z
  .strictObject({ kind: z.literal('line'), port })
  .describe('A device that writes lines of text on a serial port');

const pattern = z
  .string()
  .refine((text) => isPattern(text), 'expected a regular expression')
  .transform((text) => new RegExp(text));

export const lineModelSchema = z
  .strictObject({
    transport: z.literal('line'),
    ...serialSettings,
    terminator: z.string().min(1).max(4).default('\n').describe('what ends a line'),
    request: z
      .string()
      .max(64)
      .optional()
      .describe('sent to ask for a line; absent when the device talks by itself'),
    timeout: duration.default(3000).describe('how long an answer may take'),
    values: z
      .array(
        z.strictObject({
          quantity,
          unit: deviceUnit,
          pattern: pattern.describe('its first group is the number'),
        }),
      )
      .min(1)
      .describe('what stands in a line'),
    errors: z
      .array(
        z.strictObject({
          pattern: pattern.describe('how such a line looks'),
          means: z.string().describe('what it says, in words'),
        }),
      )
      .default([])
      .describe('lines by which it says what is wrong'),
  })
  .describe('Lines of text on a serial port');

export type ModbusModel = z.output<typeof modbusModelSchema>;
export type LineModel = z.output<typeof lineModelSchema>;

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
