import { Gauge, Registry } from 'prom-client';

/** Gauges read when Prometheus asks, so that counting costs the hot path nothing. */
export type Sources = Record<
  string,
  { help: string; read: () => number | [labels: Record<string, string>, value: number][] }
>;

export function agentMetrics(sources: Sources): Registry {
  const registry = new Registry();
  for (const [name, { help, read }] of Object.entries(sources)) {
    const first = read();
    const labelNames = Array.isArray(first) ? Object.keys(first[0]?.[0] ?? {}) : [];
    new Gauge({
      name: `coldwatch_agent_${name}`,
      help,
      labelNames,
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
