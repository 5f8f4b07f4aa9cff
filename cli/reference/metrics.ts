import type { Parts } from '../../agent/console/status.js';
import { agentMetrics } from '../../agent/metrics/metrics.js';
import { metricSources } from '../../agent/metrics/sources.js';
import { table } from './markdown.js';

/** From the text that Prometheus reads: a line of HELP and one of TYPE each. */
const METRIC = /^# HELP (\S+) (.*)\n# TYPE \S+ (\w+)/gm;

/** `relay`: what a relay answers Prometheus. */
export function metricBlocks(relay: string): Map<string, string> {
  return new Map([
    ['agent', metricTable(agentRows())],
    [
      'relay',
      metricTable([...relay.matchAll(METRIC)].map(([, name, help, type]) => [name!, type!, '', help!])),
    ],
  ]);
}

/** Nothing is read: names and words need no agent. */
function agentRows(): string[][] {
  const sources = metricSources({} as Parts);
  const { length } = agentMetrics(sources, {}).getMetricsAsArray();
  const rows = Object.entries(sources).map(([name, { help, labels = [] }]) => [
    `coldwatch_agent_${name}`,
    'gauge',
    labels.map((label) => `\`${label}\``).join(', '),
    help,
  ]);
  if (rows.length !== length) throw new RangeError('a metric of the agent has no source');
  return rows;
}

const metricTable = (rows: readonly (readonly string[])[]) =>
  table(
    ['Metric', 'Type', 'Labels', 'What it is'],
    rows.map(([name, ...rest]) => [`\`${name}\``, ...rest]),
  );
