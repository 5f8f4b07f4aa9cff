import type { Decoded, RawSample } from '../driver.js';
import type { KernelModel } from './schema.js';

/** The text of the files of a model → samples; a file without a number is a problem of its own. */
export function decodeKernel(model: KernelModel, files: ReadonlyMap<string, string>): Decoded {
  const samples: RawSample[] = [];
  const problems: string[] = [];
  for (const { quantity, unit, file } of model.values) {
    const text = files.get(file);
    if (text === undefined) continue;
    if (/^-?\d+\s*$/.test(text)) samples.push({ quantity, unit, value: Number(text) });
    else problems.push(`${file}: got ${JSON.stringify(text.slice(0, 60))}, expected a whole number`);
  }
  if (samples.length === 0 && problems.length === 0)
    problems.push('none of the files of this model is there');
  return { samples, problems };
}
