import { spawnSync } from 'node:child_process';
import { need } from './services.js';

const OUTPUT_BYTES = 1024 ** 3;

export const kcatArgs = (broker: string, topic: string): string[] => [
  ...['-C', '-q', '-b', broker, '-t', topic, '-o', 'beginning'],
  ...['-X', 'isolation.level=read_committed'],
];

/** A topic from its beginning to its end as an independent client sees it: librdkafka's kcat, committed records only. */
export function kcat(broker: string, topic: string, ...more: string[]): Buffer {
  need('kcat', 'apt-get install kcat');
  const run = spawnSync('kcat', [...kcatArgs(broker, topic), '-e', ...more], { maxBuffer: OUTPUT_BYTES });
  if (run.status !== 0) throw new Error(`kcat: ${run.stderr.toString()}`);
  return run.stdout;
}

export const kcatLines = (broker: string, topic: string, ...more: string[]): string[] =>
  kcat(broker, topic, ...more)
    .toString()
    .split('\n')
    .filter((line) => line !== '');
