import { Command } from 'commander';
import { failWith, misuse, print } from '../../host/output.js';
import { loadRelay } from '../config/load.js';

interface Options {
  config: string;
  dryRun?: boolean;
  json?: boolean;
}

export function topicsCommand(): Command {
  const apply = new Command('apply')
    .description(
      'makes Kafka’s topics what they should be: partitions, replicas, retention; again does nothing',
    )
    .requiredOption('--config <RELAY.yaml>', 'the relay’s file')
    .option('--dry-run', 'only say what differs; exit status 1 when anything does')
    .option('--json', 'print the differences as JSON')
    .action(applyTopics);
  const acceptLoss = new Command('accept-loss')
    .description(
      'after gateway.progress was deleted or emptied: lets relays start with what is left; rows that gateways still hold may then go in a second time',
    )
    .requiredOption('--config <RELAY.yaml>', 'the relay’s file')
    .action(acceptLostProgress);
  return new Command('topics').description('the topics in Kafka').addCommand(apply).addCommand(acceptLoss);
}

async function acceptLostProgress({ config }: { config: string }): Promise<void> {
  const loaded = loadRelay(config);
  if (!('value' in loaded)) return failWith(loaded.problems);
  const { kafka } = loaded.value;
  if (!kafka) return misuse(`${config}: kafka: got nothing, expected brokers`);
  const { withAdmin } = await import('../log/kafka/admin.js');
  const { acceptLoss } = await import('../log/kafka/lost.js');
  await withAdmin(kafka, async (admin, client) => {
    print(`accepted for ${await acceptLoss(admin, client, kafka)} lanes: relays can start`);
  });
}

async function applyTopics({ config, dryRun, json }: Options): Promise<void> {
  const loaded = loadRelay(config);
  if (!('value' in loaded)) return failWith(loaded.problems);
  const { kafka } = loaded.value;
  if (!kafka)
    return misuse(`${config}: kafka: got nothing, expected brokers; the embedded log needs no topics`);
  const { withAdmin } = await import('../log/kafka/admin.js');
  const { topicDifferences } = await import('../log/kafka/topics.js');
  await withAdmin(kafka, async (admin) => {
    const differences = await topicDifferences(admin, kafka);
    const done: { topic: string; what: string; now: string; wanted: string; done: boolean }[] = [];
    for (const { apply, ...difference } of differences) {
      if (apply && !dryRun) await apply(admin);
      done.push({ ...difference, done: apply !== undefined && !dryRun });
    }
    if (json) print(JSON.stringify({ differences: done }));
    else if (done.length === 0) print('All topics are as they should be.');
    else
      for (const d of done)
        print(`${d.done ? 'done' : 'differs'}  ${d.topic}  ${d.what}: ${d.now} -> ${d.wanted}`);
    if (done.some((d) => !d.done)) process.exitCode = 1;
    if (!dryRun && done.some((d) => !d.done)) {
      process.stderr.write(
        'coldwatch: what is marked "differs" would lose data or order if it were changed under way; make the topic anew, or set the relay’s file to what is there\n',
      );
    }
  });
}
