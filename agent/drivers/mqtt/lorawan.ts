import { z } from 'zod';
import { parseJson, readTime } from '../../../core/payload.js';

/*
 * Uplinks as LoRaWAN servers publish them.
 *   The Things Stack v3   v3/{app}@{tenant}/devices/{dev}/up: end_device_ids, uplink_message (f_port, frm_payload in
 *                         base64, decoded_payload, received_at with nanoseconds), simulated. Empty fields are left out.
 *   ChirpStack v4         application/{id}/device/{devEui}/event/up: deviceInfo.devEui, fPort, data (base64), object, time
 *   ChirpStack v3         the same topic: devEUI (base64 or hex), fPort, data (base64), objectJSON (a text), publishedAt
 */
export interface Uplink {
  device: string | undefined;
  port: number | undefined;
  frame: Buffer | undefined;
  decoded: object | undefined;
  atMs: number | undefined;
  /** Made by somebody at the server's console: never evidence. */
  simulated: boolean;
}

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/, 'expected base64');
const port = z.int().min(0).max(255);
const object = z.record(z.string(), z.unknown());

const ttsSchema = z.object({
  end_device_ids: z.object({ device_id: z.string().optional(), dev_eui: z.string().optional() }).optional(),
  received_at: z.string().optional(),
  simulated: z.boolean().optional(),
  uplink_message: z.object({
    f_port: port.optional(),
    frm_payload: base64.optional(),
    decoded_payload: object.optional(),
    received_at: z.string().optional(),
  }),
});

const chirpstackSchema = z.object({
  deviceInfo: z.object({ devEui: z.string() }).optional(),
  devEUI: z.string().optional(),
  fPort: port.optional(),
  data: base64.nullish(),
  object: object.nullish(),
  objectJSON: z.string().optional(),
  time: z.string().nullish(),
  publishedAt: z.string().optional(),
});

/** An uplink of either server, or what is wrong with it. */
export function readUplink(json: object): Uplink | string {
  if ('uplink_message' in json) {
    const parsed = ttsSchema.safeParse(json);
    return parsed.success ? fromTts(parsed.data) : wrong('The Things Stack', parsed.error);
  }
  if ('deviceInfo' in json || 'devEUI' in json || 'fPort' in json) {
    const parsed = chirpstackSchema.safeParse(json);
    return parsed.success ? fromChirpstack(parsed.data) : wrong('ChirpStack', parsed.error);
  }
  return 'not an uplink of The Things Stack or ChirpStack';
}

function wrong(server: string, error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join('.') || '(top)'} of an uplink of ${server}: ${issue?.message}`;
}

function fromTts({
  end_device_ids: ids,
  uplink_message: up,
  received_at,
  simulated,
}: z.output<typeof ttsSchema>): Uplink {
  return {
    device: ids?.dev_eui?.toLowerCase() ?? ids?.device_id,
    port: up.f_port,
    frame: up.frm_payload === undefined ? undefined : Buffer.from(up.frm_payload, 'base64'),
    decoded: up.decoded_payload,
    atMs: readTime(up.received_at ?? received_at, 'iso'),
    simulated: simulated ?? false,
  };
}

function fromChirpstack(up: z.output<typeof chirpstackSchema>): Uplink {
  return {
    device: (up.deviceInfo?.devEui ?? hexOf(up.devEUI))?.toLowerCase(),
    port: up.fPort,
    frame: up.data == null ? undefined : Buffer.from(up.data, 'base64'),
    decoded: up.object ?? parsedObject(up.objectJSON),
    atMs: readTime(up.time ?? up.publishedAt, 'iso'),
    simulated: false,
  };
}

/** ChirpStack v3 writes the EUI in base64; some installations are set to hex. */
function hexOf(eui: string | undefined): string | undefined {
  if (eui === undefined || /^[0-9a-fA-F]{16}$/.test(eui)) return eui;
  const bytes = Buffer.from(eui, 'base64');
  return bytes.length === 8 ? bytes.toString('hex') : eui;
}

function parsedObject(json: string | undefined): object | undefined {
  if (json === undefined || json === '') return undefined;
  try {
    const value: unknown = parseJson(json);
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}
