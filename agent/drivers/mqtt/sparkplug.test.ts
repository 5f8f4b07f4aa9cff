import { describe, expect, it } from 'vitest';
import { decodeMqtt } from './decode.js';
import { mqttModelSchema } from './schema.js';
import { AliasBook, readPayload, rebirthRequest, sparkplugTopics } from './sparkplug.js';

// Made by Eclipse Tahu's own JavaScript encoder (sparkplug-payload 1.0.3).
const BIRTH =
  '0880adfda3aa33121d0a0b54656d706572617475726510011880adfda3aa3320096500008840121e0a0848756d696469747910021880adfda3aa33200a69000000000040484012160a074261747465727910031880adfda3aa332005506112130a04446f6f7210041880adfda3aa33200b700012170a0653657269616c10051880adfda3aa33200c7a0241311800';
const DATA = '08e08181a4aa331210100118e08181a4aa332009650000b0c0120d100418e08181a4aa33200b70011801';
const REBIRTH = '0880adfda3aa3312210a144e6f646520436f6e74726f6c2f526562697274681880adfda3aa33200b7001';
const AT_MS = 1763696400000;

const model = mqttModelSchema.parse({
  transport: 'mqtt',
  payload: 'sparkplug',
  values: [
    { quantity: 'temperature', unit: 'Cel', path: 'Temperature' },
    { quantity: 'contact', unit: '1', path: 'Door' },
  ],
});
const topic = (type: string) => `spBv1.0/g/${type}/edge/fridge`;

describe('Sparkplug B', () => {
  it('reads aliases once their BIRTH has named them, each device its own', () => {
    const aliases = new AliasBook();
    const take = (type: string, hex: string, at = topic(type)) =>
      decodeMqtt(model, Buffer.from(hex, 'hex'), at, aliases);
    expect(take('DDATA', DATA)).toMatchObject({ samples: [], unnamed: true });
    take('DBIRTH', BIRTH);
    expect(take('DDATA', DATA).samples).toEqual([
      { quantity: 'temperature', unit: 'Cel', value: -5.5, deviceMs: AT_MS + 60_000, device: 'fridge' },
      { quantity: 'contact', unit: '1', value: 1, deviceMs: AT_MS + 60_000, device: 'fridge' },
    ]);
    expect(take('DDATA', DATA, 'spBv1.0/g/DDATA/edge/other').unnamed).toBe(true);
  });

  it('asks for names as the specification has it', () => {
    expect(rebirthRequest(AT_MS).toString('hex')).toBe(REBIRTH);
  });

  it('listens to births and deaths beside the data', () => {
    expect(sparkplugTopics(topic('DDATA'))).toEqual([
      topic('DBIRTH'),
      topic('DDATA'),
      topic('DDEATH'),
      'spBv1.0/g/NDEATH/edge',
    ]);
    expect(sparkplugTopics('spBv1.0/g/NDATA/edge')).toContain('spBv1.0/g/NBIRTH/edge');
  });

  it.each([
    ['cut off', BIRTH.slice(0, 40)],
    ['a number without an end', 'ffffffffffffffffffffff'],
    ['wire type 3', '0b'],
    ['empty', ''],
  ])('refuses %s', (_what, hex) => {
    expect(readPayload(Buffer.from(hex, 'hex'))).toMatch(/Sparkplug payload/);
  });
});
