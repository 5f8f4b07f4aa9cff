import { afterEach, expect, it, vi } from 'vitest';
import { relayCommand } from './relay.js';

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

it('a misspelt sub-command is told what was meant', async () => {
  // The threads that run tests may not change it.
  vi.spyOn(process, 'umask').mockReturnValue(0);
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  await relayCommand().parseAsync(['topic', 'apply'], { from: 'user' });
  expect(said).toHaveBeenCalledExactlyOnceWith(
    'coldwatch: unknown command "topic" (did you mean "topics"?)\n',
  );
  expect(process.exitCode).toBe(2);
});
