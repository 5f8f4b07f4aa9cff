import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import Database from 'better-sqlite3';
import { DATA_TOPICS } from '../../../core/contract/messages.js';
import { kcatArgs, kcatLines } from './kcat.js';

/** A record of the relay's log, read by other means than the relay's own code. */
export interface SeenRecord {
  topic: string;
  key: string;
  message: { gateway: string; epoch: string; seq: number; [field: string]: unknown };
}

/** Everything that gateways sent, in the embedded log of that folder. */
export function readEmbedded(folder: string): SeenRecord[] {
  if (!existsSync(`${folder}/log.db`)) return [];
  const db = new Database(`${folder}/log.db`, { readonly: true });
  try {
    const rows = db.prepare('SELECT topic, key, value FROM records ORDER BY offset').all() as {
      topic: string;
      key: string;
      value: string;
    }[];
    // What the relay computes itself has no place in a gateway's ring.
    const sent = rows.filter(
      ({ topic, value }) => (DATA_TOPICS as readonly string[]).includes(topic) && value !== '',
    );
    return sent.map(({ topic, key, value }) => ({ topic, key, message: JSON.parse(value) }));
  } finally {
    db.close();
  }
}

/** A line of kcat's -J; nothing for a tombstone. */
function recordOf(topic: string, line: string): SeenRecord[] {
  const { key, payload } = JSON.parse(line) as { key: string | null; payload: string | null };
  return payload === null ? [] : [{ topic, key: String(key), message: JSON.parse(payload) }];
}

/** Everything that a read_committed consumer sees in these topics, up to their ends as of now. */
export const readKafka = (broker: string, topics: readonly string[]): SeenRecord[] =>
  topics.flatMap((topic) => kcatLines(broker, topic, '-J').flatMap((line) => recordOf(topic, line)));

/** Hands over whatever a read_committed consumer sees of a topic, from its beginning on, until it is stopped. */
export function followKafka(broker: string, topic: string, onRecord: (record: SeenRecord) => void) {
  const child = spawn('kcat', [...kcatArgs(broker, topic), '-J', '-u']);
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  createInterface(child.stdout).on('line', (line) => recordOf(topic, line).forEach(onRecord));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (child.killed) resolve();
      else reject(new Error(`kcat ${topic} ended with ${code ?? signal}: ${said}`));
    });
  });
  return { ended, stop: () => void child.kill() };
}

const STREAM_OF: Record<string, string> = {
  alerts: 'events',
  'gateway.audit': 'events',
  'iot.sensors': 'events',
  'iot.summary': 'summaries',
};

/** How often each (gateway, epoch, stream, seq) occurs; the streams are told apart by their topics. */
export function occurrences(records: readonly SeenRecord[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { topic, message } of records) {
    const stream = STREAM_OF[topic] ?? 'readings';
    const id = `${message.gateway}/${message.epoch}/${stream}/${message.seq}`;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}
