import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { messageOf } from './errors.js';

it('says of a port that is taken which one, and what to do', async () => {
  const first = createServer();
  const second = createServer();
  const port = await new Promise<number>((resolve) => {
    first.listen(0, '127.0.0.1', () => resolve((first.address() as { port: number }).port));
  });
  const error = await new Promise<Error>((resolve) => {
    second.once('error', resolve).listen(port, '127.0.0.1');
  });
  first.close();
  expect(messageOf(error)).toBe(
    `another program has the port 127.0.0.1:${port}: stop that one, or choose another port`,
  );
});
