import { serveHealth } from '../console/http.js';
import { agentStatus, type Parts } from '../console/status.js';

/** The agent's pages on the LAN; as soon as their port is free. */
export async function openConsole(parts: Parts, healthy: () => boolean) {
  const { starts, site } = parts;
  const { host, port } = site.config.http;
  const unwell = () => {
    const [first] = starts.failing;
    if (first) return `${first.name} has not started: ${first.problem}`;
    return healthy() ? null : 'sampling has stopped';
  };
  const pages = { status: () => agentStatus(parts), unwell, registry: () => openRegistry(parts) };
  let server: Awaited<ReturnType<typeof serveHealth>> | undefined;
  await starts.add({
    name: 'status page',
    lacks: 'Nobody can look at this gateway',
    severity: 'warning',
    start: async () => {
      server = await serveHealth(host, port, pages);
    },
  });
  return { port: server?.port ?? null, stop: async () => server?.close() };
}

/** Prometheus's own library is loaded when something first asks for metrics. */
async function openRegistry(parts: Parts) {
  const { agentMetrics } = await import('../metrics/metrics.js');
  const { metricSources } = await import('../metrics/sources.js');
  const { clinic, gateway } = parts.site.config;
  return agentMetrics(metricSources(parts), { clinic: clinic.id, gateway });
}
