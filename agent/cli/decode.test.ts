import { describe, expect, it } from 'vitest';
import { MODELS, payloadOf, recordedCases } from '../../test/world/probes/recorded.js';
import { decodeWith } from '../drivers/decode.js';
import { loadModel } from '../site/library.js';
import { present } from './decode.js';

describe.each(MODELS)('%s', (name) => {
  const loaded = loadModel(name);
  const cases = recordedCases(name);

  it('is a good model with recorded payloads, named as its file is', () => {
    expect(loaded.problems).toEqual([]);
    expect('value' in loaded && loaded.value.model).toBe(name);
    expect(cases.length).toBeGreaterThan(0);
  });

  it.each(cases)('$name', (recorded) => {
    if (!('value' in loaded)) throw new Error('the model is broken');
    const topic = recorded.topic ?? recorded.file;
    const decoded = present(
      loaded.value,
      recorded.topic,
      decodeWith(loaded.value, payloadOf(recorded), topic),
    );
    expect(decoded.samples).toEqual(recorded.samples);
    expect(decoded.problems).toHaveLength(recorded.problems ?? 0);
  });
});
