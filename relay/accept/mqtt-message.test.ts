import { describe, expect, it } from 'vitest';
import { filterOf, readMessage } from './mqtt-message.js';
import { mqttSourceSchema } from './schema.js';

const NOW = Date.UTC(2026, 10, 21, 6);
const config = mqttSourceSchema.parse({
  name: 'north',
  url: 'mqtt://broker',
  topics: [
    {
      topic: 'sites/{clinic}/{sensor}/up',
      value: 'data.temp',
      time: { path: 'ts', format: 'unix_s' },
    },
    { topic: 'plain/+/{sensor}', clinic: 'mission', quantity: 'humidity' },
  ],
});
const read = (topic: string, payload: string, at = NOW) =>
  readMessage(config, { topic, payload, received_at: at });
const message = (topic: string, payload: string, at = NOW) => {
  const found = read(topic, payload, at);
  if ('problems' in found) throw new Error(JSON.stringify(found.problems));
  return JSON.parse(found.value) as Record<string, unknown>;
};

describe('a message of a broker', () => {
  it('is a reading of the clinic and sensor that its topic names', () => {
    expect(config.topics.map(filterOf)).toEqual(['sites/+/+/up', 'plain/+/+']);
    const payload = JSON.stringify({ ts: NOW / 1000 - 5, data: { temp: '4.25' } });
    expect(message('sites/hill/fridge-1/up', payload)).toMatchObject({
      clinic: 'hill',
      gateway: 'mqtt-north',
      sensor: 'fridge-1',
      quantity: 'temperature',
      value: 4.25,
      unit: 'Cel',
      measured_at: NOW - 5000,
      time_quality: 'synchronised',
    });
    expect(message('plain/x/store', ' 41 ')).toMatchObject({
      clinic: 'mission',
      sensor: 'store',
      value: 41,
      unit: '%RH',
      measured_at: NOW,
      time_quality: 'estimated',
    });
  });

  it('has the same number when it comes again, and another when it is another', () => {
    const payload = (temp: number) => JSON.stringify({ ts: NOW / 1000, data: { temp } });
    const seq = (temp: number, at: number) => message('sites/hill/fridge-1/up', payload(temp), at).seq;
    expect(seq(4, NOW)).toBe(seq(4, NOW + 60_000));
    expect(seq(4, NOW)).not.toBe(seq(5, NOW));
  });

  it.each([
    ['sites/hill/fridge-1/down', '4', 'topic'],
    ['sites/Hill Top/fridge-1/up', '{}', 'clinic'],
    ['sites/hill/fridge-1/up', 'hello', '(payload)'],
    ['sites/hill/fridge-1/up', '{"ts":1,"data":{}}', 'data.temp'],
    ['sites/hill/fridge-1/up', '{"ts":1,"data":{"temp":4}}', 'ts'],
    ['sites/hill/fridge-1/up', '{"ts":4294967295,"data":{"temp":4}}', 'ts'],
    ['sites/hill/fridge-1/up', `{"ts":${NOW / 1000},"data":{"temp":1e300}}`, 'data.temp'],
    ['sites/hill/fridge-1/up', `{"ts":${NOW / 1000 + 3600},"data":{"temp":4}}`, 'ts'],
    ['plain/x/store', 'warm', '(payload)'],
  ])('%s %s is refused for its %s', (topic, payload, path) => {
    expect(read(topic, payload)).toMatchObject({ problems: [{ path }] });
  });

  it.each([
    [{ topic: 'a/{sensor}' }, 'clinic'],
    [{ topic: 'a/{clinic}/{sensor}', clinic: 'x' }, 'clinic'],
    [{ topic: 'a/#', clinic: 'x', sensor: 'y' }, 'topic'],
    [{ topic: 'a', clinic: 'x', sensor: 'y', time: { path: 't', format: 'iso' } }, 'time'],
  ])('settings %j are refused for %s', (topic, path) => {
    const parsed = mqttSourceSchema.safeParse({ name: 'n', url: 'mqtt://b', topics: [topic] });
    expect(parsed.error?.issues.map((issue) => issue.path.at(-1))).toEqual([path]);
  });
});
