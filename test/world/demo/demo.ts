import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { claimPort, freePort } from '../run/programs.js';
import { readEmbedded, readKafka } from '../run/read-log.js';
import { replayHistory } from './replay.js';
import { pageLink, tellStory } from './story.js';

const USAGE = `usage: ./scripts/demo [--fast] [--kafka HOST:PORT] [--port PORT]
       ./scripts/demo --readings FILE [--unit C|F] [--kafka HOST:PORT] [--port PORT]

Starts a simulated clinic with the real agent and the real relay, and tells what happens.
  --fast        the whole story in about 30 s; exits 0 only if every step was observed
  --kafka       use this Apache Kafka instead of the relay's embedded log
  --port        of the live page (default 8470)
  --readings    replay real history instead: a Fridge-tag file, "sensor,ts_utc_iso,temperature_c", or
                "timestamp,value" (NAB)
  --unit        of the values in FILE (default C)`;

const TOPICS = ['iot.temperature', 'iot.status', 'alerts', 'gateway.audit'];

async function main(): Promise<number> {
  const options = parse();
  if (typeof options === 'string') {
    console.error(`${options}\n\n${USAGE}`);
    return 2;
  }
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'coldwatch-demo-'));
  const started = Date.now();
  const tell = (line: string) => {
    const seconds = ((Date.now() - started) / 1000).toFixed(1).padStart(6);
    console.log(`${seconds} s  ${line}`);
  };
  const { kafka } = options;
  const readLog = async () => (kafka ? readKafka(kafka, TOPICS) : readEmbedded(`${folder}/relay`));
  const common = {
    folder,
    kafka,
    tell,
    readLog,
    viewerToken: randomBytes(12).toString('hex'),
    relayPort: options.port ?? (options.fast ? await freePort() : 8470),
  };
  try {
    await claimPort(common.relayPort);
    const told = options.readings
      ? await replayHistory({ ...common, file: options.readings, unit: options.unit })
      : await tellStory({ ...common, fast: options.fast });
    tell('Done: every step was observed.');
    if (!options.fast) {
      tell(
        `The clinic goes on: look at ${pageLink(told.relayUrl, common.viewerToken)} and press Ctrl-C when you have seen enough.`,
      );
      await new Promise<void>((resolve) => {
        process.once('SIGINT', resolve);
        process.once('SIGTERM', resolve);
      });
    }
    await told.stop();
    rmSync(folder, { recursive: true, force: true });
    return 0;
  } catch (error) {
    tell(`NOT OBSERVED: ${(error as Error).message}`);
    tell(`What the programs said is in ${folder}/agent.log and ${folder}/relay.log`);
    return 1;
  }
}

interface Options {
  help: boolean;
  fast: boolean;
  kafka: string | undefined;
  port: number | undefined;
  readings: string | undefined;
  unit: 'C' | 'F';
}

function parse(): Options | string {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: 'boolean', default: false },
        fast: { type: 'boolean', default: false },
        kafka: { type: 'string' },
        port: { type: 'string' },
        readings: { type: 'string' },
        unit: { type: 'string', default: 'C' },
      },
    });
    const { help, fast, kafka, readings, unit } = values;
    const port = values.port === undefined ? undefined : Number(values.port);
    if (unit !== 'C' && unit !== 'F') return `--unit: got ${unit}, expected C or F`;
    if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536))
      return '--port: expected 1 to 65535';
    if (kafka !== undefined && !/^[^\s:]+:\d+$/.test(kafka))
      return `--kafka: got ${kafka}, expected HOST:PORT`;
    return { help, fast, kafka, port, readings, unit };
  } catch (error) {
    return (error as Error).message;
  }
}

process.exit(await main());
