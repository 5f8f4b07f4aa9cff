import { expect, it } from 'vitest';
import type { Reading } from '../../core/reading.js';
import { Board } from './board.js';

it('a changed site file keeps what people saw of the sensors that stay, under their new names', () => {
  const former = new Board([
    { id: 'fridge-1', name: 'Fridge 1' },
    { id: 'gone', name: 'Gone' },
  ]);
  const reading = { sensor: 'fridge-1', quantity: 'temperature', milli: 4200, quality: 'good' } as Reading;
  former.reading(reading);
  const board = new Board([
    { id: 'fridge-1', name: 'Vaccines' },
    { id: 'new', name: 'New' },
  ]);
  board.takeOver(former);
  expect([...board.sensors.keys()]).toEqual(['fridge-1', 'new']);
  expect(board.sensors.get('fridge-1')).toMatchObject({
    name: 'Vaccines',
    good: 1,
    last: { temperature: reading },
  });
  expect(board.sensors.get('new')).toMatchObject({ name: 'New', good: 0 });
});
