import { remember } from '../../core/bounded.js';
import type { Clock } from '../../core/clock/clock.js';
import { type DeadLetter, SOURCE_TOPICS } from '../../core/contract/sources.js';
import type { Problem } from '../../core/schema.js';
import { Decoder } from '../log/decode.js';
import type { Log } from '../log/port.js';
import { mqttSource } from './mqtt-message.js';
import type { MqttSource, SourcesConfig } from './schema.js';
import { readLine, sourcesOf } from './sources.js';

/** Letters shown and replayed at once; the newest. */
const LETTERS_MAX = 10_000;

/** What nobody could take since then, oldest first, each once. */
export async function deadLetters(log: Log, sinceMs: number): Promise<DeadLetter[]> {
  const letters = new Map<string, DeadLetter>();
  const decoder = new Decoder([SOURCE_TOPICS.deadLetter]);
  await log.read([SOURCE_TOPICS.deadLetter], sinceMs, (records) => {
    for (const { value: letter } of decoder.decode(records)) {
      if (letter) remember(letters, letter.id, letter, LETTERS_MAX);
    }
  });
  return [...letters.values()];
}

export type Replayed =
  | { id: string; source: string; outcome: 'published' | 'already there' }
  | { id: string; source: string; outcome: 'still refused'; problems: Problem[] };

/** Tries letters again by the schemas of now: safe to repeat, as each event is taken once. */
export async function replayLetters(
  log: Log,
  letters: readonly DeadLetter[],
  config: SourcesConfig,
  brokers: readonly MqttSource[],
  clock: Clock,
): Promise<Replayed[]> {
  const sources = sourcesOf(config, clock);
  for (const source of brokers.map(mqttSource)) sources.set(source.name, source);
  const out: Replayed[] = [];
  for (const { id, source: name, body, cut } of letters) {
    const refuse = (problems: Problem[]) =>
      out.push({ id, source: name, outcome: 'still refused', problems });
    const source = sources.get(name);
    if (!source || cut) {
      const expected = cut ? 'a letter that was kept whole' : 'a source of the relay’s file';
      refuse([{ path: '(letter)', got: cut ? 'its beginning' : name, expected }]);
      continue;
    }
    const result = readLine(source, body, undefined);
    if ('problems' in result) {
      refuse(result.problems);
      continue;
    }
    const { repeated } = await log.publish([result]);
    out.push({ id, source: name, outcome: repeated.length > 0 ? 'already there' : 'published' });
  }
  return out;
}
