import { expect, it } from 'vitest';
import { RingNews } from './ring-news.js';

it('what a ring says before anybody can act on it is told to them once, in order, and what follows at once', () => {
  const news = new RingNews();
  const heard: unknown[] = [];
  news.listener.onHealth('no space left');
  news.listener.onLost('readings', [[3, 4]]);
  // Nobody who comes later wants to know of this one.
  news.listener.onEvents();
  expect(heard).toEqual([]);
  news.tell({
    onHealth: (failure) => heard.push(failure),
    onLost: (stream, rows) => heard.push([stream, rows]),
  });
  expect(heard).toEqual(['no space left', ['readings', [[3, 4]]]]);
  news.listener.onHealth(null);
  expect(heard.slice(2)).toEqual([null]);
});
