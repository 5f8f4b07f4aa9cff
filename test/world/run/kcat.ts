import { spawnSync } from 'node:child_process';
import { need } from './services.js';

/** A topic from its beginning to its end as an independent client sees it: librdkafka's kcat, committed records only. */
export function kcat(broker: string, topic: string, ...more: string[]): Buffer {
  need('kcat', 'apt-get install kcat');
  const from = ['-C', '-b', broker, '-t', topic, '-o', 'beginning', '-e', '-q'];
  const run = spawnSync('kcat', [...from, '-X', 'isolation.level=read_committed', ...more], {
    maxBuffer: 256 * 1024 * 1024,
  });
  if (run.status !== 0) throw new Error(`kcat: ${run.stderr.toString()}`);
  return run.stdout;
}

export const kcatLines = (broker: string, topic: string, ...more: string[]): string[] =>
  kcat(broker, topic, ...more)
    .toString()
    .split('\n')
    .filter((line) => line !== '');
