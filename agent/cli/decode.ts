import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Command } from 'commander';
import { messageOf } from '../../core/errors.js';
import { showTime } from '../../core/payload.js';
import { fromMilli, QUANTITIES, toMilli } from '../../core/units.js';
import { failWith, misuse, print } from '../../host/output.js';
import { decodeWith } from '../drivers/decode.js';
import type { Decoded } from '../drivers/driver.js';
import { judge } from '../ingest/plausibility.js';
import { loadModel } from '../site/library.js';
import type { DeviceModel } from '../site/model.js';

interface Options {
  model: string;
  topic?: string;
  hex?: string;
  json?: string;
  file?: string;
}

export function decodeCommand(): Command {
  return new Command('decode')
    .description('one payload through a device model; prints samples and problems as JSON')
    .requiredOption('--model <MAKER/MODEL>', 'a model of device-configs/models')
    .option('--topic <T>', 'the MQTT topic that it came on')
    .option('--hex <H>', 'the payload as hex digits')
    .option('--json <J>', 'the payload as JSON text')
    .option('--file <F>', 'a file that holds the payload')
    .action((options: Options) => {
      const payload = payloadOf(options);
      if (typeof payload === 'string') return misuse(payload);
      if (!/^[a-z0-9-]+\/[a-z0-9-]+$/.test(options.model)) {
        return misuse(`--model: got ${JSON.stringify(options.model)}, expected maker/model`);
      }
      const loaded = loadModel(options.model);
      if (!('value' in loaded)) return failWith(loaded.problems);
      const result = present(
        loaded.value,
        options.topic,
        decodeWith(loaded.value, payload, topicOf(options)),
      );
      print(JSON.stringify(result));
      if (result.samples.length === 0) process.exitCode = 1;
    });
}

/** The payload's bytes, or what is wrong with the way it was given. */
function payloadOf({ hex, json, file }: Options): Buffer | string {
  const given = [hex, json, file].filter((value) => value !== undefined).length;
  if (given !== 1) return 'expected exactly one of --hex, --json and --file';
  if (json !== undefined) return Buffer.from(json);
  if (hex !== undefined) {
    const digits = hex.replace(/\s/g, '');
    return /^([0-9a-fA-F]{2})+$/.test(digits)
      ? Buffer.from(digits, 'hex')
      : '--hex: expected pairs of hex digits';
  }
  try {
    return readFileSync(file!);
  } catch (error) {
    return `--file: ${messageOf(error)}`;
  }
}

/** A kernel's file is known by its name, as a message is by its topic. */
const topicOf = ({ topic, file }: Options) => topic ?? (file === undefined ? undefined : basename(file));

export function present(model: DeviceModel, topic: string | undefined, { samples, problems }: Decoded) {
  const fallback = topic?.split('/').at(-1) ?? model.model;
  return {
    samples: samples.map(({ device, channel, quantity, value, unit, fault, deviceMs }) => {
      const milli = toMilli(value, unit);
      return {
        device: device ?? fallback,
        ...(channel === undefined ? {} : { channel }),
        quantity,
        value: fromMilli(milli),
        unit: QUANTITIES[quantity],
        ...judge(quantity, milli, fault, model),
        ...(deviceMs === undefined ? {} : { at: showTime(deviceMs) }),
      };
    }),
    problems,
  };
}
