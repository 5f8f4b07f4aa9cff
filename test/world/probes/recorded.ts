import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deviceConfigs } from '../../../agent/site/library.js';

/** A recorded payload and what it must give: they stand beside each model, MAKER/MODEL.cases.json. */
export interface RecordedCase {
  name: string;
  topic?: string;
  /** Of the kernel: the file's name. */
  file?: string;
  hex?: string;
  json?: unknown;
  text?: string;
  samples: unknown[];
  problems?: number;
}

const root = join(deviceConfigs(), 'models');

/** MAKER/MODEL of everything that is shipped. */
export const MODELS: string[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.slice(0, -'.yaml'.length))
  .sort();

export function recordedCases(model: string): RecordedCase[] {
  const file = join(root, `${model}.cases.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RecordedCase[]) : [];
}

export function payloadOf({ hex, json, text }: RecordedCase): Buffer {
  return hex === undefined
    ? Buffer.from(text ?? JSON.stringify(json))
    : Buffer.from(hex.replace(/\s/g, ''), 'hex');
}
