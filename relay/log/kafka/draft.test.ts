import { expect, it } from 'vitest';
import { Draft } from './draft.js';
import { LaneContents } from './progress.js';

const batch = (gateway: string, anybody: boolean, from = 1) => ({
  gateway,
  anybody,
  epoch: '00000000000000aa',
  stream: 'events' as const,
  from,
  records: [{ topic: 'alerts' as const, key: 'c/a', value: '1', headers: {}, timestamp: 1 }],
});

it('where nobody vouches for names, a lane remembers no more than so many, also within one transaction', () => {
  const contents = new LaneContents();
  const first = new Draft(contents, 0, 2);
  first.add(batch('a', true));
  first.apply();
  const second = new Draft(contents, 0, 2);
  second.add(batch('b', true));
  expect(() => second.add(batch('c', true))).toThrow('"c" is taken once its file has `gateways`');
  second.add(batch('a', true, 2));
  second.add(batch('b', true, 2));
  second.add(batch('c', false));
  second.apply();
  expect([contents.gateways, contents.of('a').size]).toEqual([3, 1]);
});
