import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { W1Tree } from '../world/probes/w1.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { startRelay } from '../world/run/relay.js';
import { need, tempFolder } from '../world/run/services.js';

const HERE = fileURLToPath(new URL('../../relay/observability/', import.meta.url));
const folder = tempFolder('prometheus');
const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends) await end();
  folder.remove();
});

interface Rules {
  groups: { rules: { alert: string; expr: string }[] }[];
}
interface Dashboard {
  panels: { title: string; targets: { expr: string }[] }[];
}

/** An agent whose one fridge stands at 12 °C; resolves with its port. */
async function warmFridge(): Promise<number> {
  const port = await freePort();
  new W1Tree(`${folder.path}/w1`).set('28-000000000001', 12);
  const site = {
    clinic: { id: 'c', name: 'C' },
    gateway: 'gw',
    data: `${folder.path}/agent`,
    sensors: [
      {
        id: 'fridge',
        model: 'maxim/ds18b20',
        source: { kind: 'w1', rom: '28-000000000001' },
        rules: [
          { kind: 'threshold', name: 'warm', side: 'above', limit: 8, dwell: '1s' },
          { kind: 'threshold', name: 'cold', side: 'below', limit: 2, dwell: '1s' },
        ],
        every: '1s',
      },
    ],
    gpio: { w1_root: `${folder.path}/w1` },
    http: { host: '127.0.0.1', port },
  };
  const agent = new Program('agent', site, folder.path);
  ends.push(() => agent.stop());
  await until('the agent', 30_000, () => getJson(`http://127.0.0.1:${port}/api/status`));
  return port;
}

/** A Prometheus with our rules that looks each second; resolves with its port. */
async function scrapes(relayPort: number, agentPort: number): Promise<number> {
  const port = await freePort();
  writeFileSync(
    `${folder.path}/prometheus.yml`,
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["${HERE}prometheus-rules.yaml"]
scrape_configs:
  - job_name: coldwatch-relay
    static_configs: [{ targets: ["127.0.0.1:${relayPort}"] }]
  - job_name: coldwatch-agent
    static_configs: [{ targets: ["127.0.0.1:${agentPort}"] }]
`,
  );
  const prometheus = spawn(
    'prometheus',
    [
      `--config.file=${folder.path}/prometheus.yml`,
      `--storage.tsdb.path=${folder.path}/tsdb`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  ends.unshift(() => new Promise((resolve) => prometheus.once('exit', resolve).kill()));
  return port;
}

it('every query of rules and dashboard finds its metrics in a real Prometheus that scrapes a real relay', async () => {
  need('prometheus', 'apt-get install prometheus');
  const checked = spawnSync('promtool', ['check', 'rules', `${HERE}prometheus-rules.yaml`], {
    encoding: 'utf8',
  });
  expect([checked.status, checked.stderr]).toEqual([0, '']);

  const relay = await startRelay(folder.path, {
    sources: { tokens: [] },
    archive: {},
    registry: { username: 'streams', password: 'a-password' },
  });
  ends.push(() => relay.program.stop());
  const port = await scrapes(relay.port, await warmFridge());
  const query = async (expr: string) => {
    const answer = await getJson<{ status: string; data: { result: unknown[] } }>(
      `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`,
    );
    expect(answer.status).toBe('success');
    return answer.data.result.length;
  };
  await until('a scrape', 60_000, async () => (await query('up{job="coldwatch-relay"} == 1')) === 1);
  await until(
    'two samples',
    20_000,
    async () => (await query('rate(coldwatch_relay_batches_total[1m])')) === 1,
  );

  const rules = (parse(readFileSync(`${HERE}prometheus-rules.yaml`, 'utf8')) as Rules).groups.flatMap(
    (g) => g.rules,
  );
  const dashboard = JSON.parse(readFileSync(`${HERE}grafana-dashboard.json`, 'utf8')) as Dashboard;
  const exprs = [
    ...rules.map(({ expr }) => expr.replace(/ (==|>) [\d.]+$/, '')),
    ...dashboard.panels.flatMap((p) => p.targets.map((t) => t.expr)),
  ];
  expect(exprs.length).toBeGreaterThan(14);
  for (const expr of exprs) {
    // Nothing but Kafka has consumers that lag; Flink's are looked for where there is one (streams-avro.test.ts).
    if (!/consumer_lag|flink_/.test(expr))
      expect([expr, await query(expr)]).toEqual([expr, expr.includes('by (source)') ? 2 : 1]);
  }
  const fridges = JSON.parse(readFileSync(`${HERE}grafana-fridges.json`, 'utf8')) as Dashboard;
  const board = fridges.panels.flatMap((p) => p.targets.map((t) => t.expr.replaceAll('$clinic', '.*')));
  await until('the open alert', 30_000, async () => (await query('coldwatch_agent_alerts_open > 0')) === 1);
  for (const expr of board) expect([expr, await query(expr)]).toEqual([expr, 1]);
  await relay.program.kill();
  await until('the relay is seen to be down', 30_000, async () => (await query(rules[0]!.expr)) === 1);
});
