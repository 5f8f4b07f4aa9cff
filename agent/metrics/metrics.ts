import { Gauge, Registry } from 'prom-client';

/** Gauges read when Prometheus asks, so that counting costs the hot path nothing. */
export type Sources = Record<
  string,
  {
    help: string;
    /** Of what is there for each of something; absent: one number. */
    labels?: readonly string[];
    read: () => number | [labels: Record<string, string>, value: number][];
  }
>;

/** `of`: whose they are, on each of them. */
export function agentMetrics(sources: Sources, of: Record<string, string>): Registry {
  const registry = new Registry();
  registry.setDefaultLabels(of);
  for (const [name, { help, labels = [], read }] of Object.entries(sources)) {
    new Gauge({
      name: `coldwatch_agent_${name}`,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        const now = read();
        if (typeof now === 'number') return this.set(now);
        this.reset();
        for (const [labels, value] of now) this.set(labels, value);
      },
    });
  }
  return registry;
}
