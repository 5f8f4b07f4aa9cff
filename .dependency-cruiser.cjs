/** Imports go one way; heavy or native packages stay at the edge (ARCHITECTURE.md). */
// Tests may use the simulated world.
const TESTS = '\\.test\\.ts$';
/** `health` and `config` stand above them, as main.ts does. */
const RELAY_STAGES = 'accept|alerts|archive|dashboard|gateways|operate|registry|streams|traces';
const only = (name, pkg, allowed) => ({
  name,
  severity: 'error',
  from: { path: '^(core|host|agent|relay|lab|cli)/', pathNot: allowed },
  to: { path: `node_modules/${pkg}(/|$)` },
});
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'core-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^core/' },
      to: { path: '^(host|agent|relay|lab|cli|test)/' },
    },
    {
      name: 'core-is-pure',
      severity: 'error',
      from: { path: '^core/', pathNot: TESTS },
      to: { dependencyTypes: ['npm', 'core'], pathNot: 'node_modules/zod/' },
    },
    {
      name: 'host-imports-core-alone',
      severity: 'error',
      from: { path: '^host/', pathNot: TESTS },
      to: { path: '^(agent|relay|lab|cli|test)/' },
    },
    {
      name: 'packages-that-its-package-json-names',
      severity: 'error',
      from: { path: '^(core|host|agent|relay|lab|cli)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    },
    {
      name: 'agent-not-relay',
      severity: 'error',
      from: { path: '^agent/', pathNot: TESTS },
      to: { path: '^(relay|lab|cli|test)/' },
    },
    {
      name: 'relay-not-agent',
      severity: 'error',
      from: { path: '^relay/', pathNot: TESTS },
      to: { path: '^(agent|lab|cli|test)/' },
    },
    {
      name: 'lab-looks-at-the-agent',
      severity: 'error',
      from: { path: '^lab/', pathNot: TESTS },
      to: { path: '^(relay|cli|test)/' },
    },
    {
      name: 'cli-not-test',
      severity: 'error',
      from: { path: '^cli/', pathNot: TESTS },
      to: { path: '^test/' },
    },
    {
      name: 'drivers-not-siblings',
      severity: 'error',
      from: { path: '^agent/drivers/([^/]+)/' },
      to: { path: '^agent/drivers/([^/]+)/', pathNot: '^agent/drivers/($1|frame)/' },
    },
    {
      name: 'stages-meet-in-main',
      severity: 'error',
      from: { path: '^agent/(drivers|ingest|ring|alarm|annunciate|forward)/', pathNot: TESTS },
      to: {
        path: '^agent/(drivers|ingest|ring|alarm|annunciate|forward)/',
        pathNot: ['^agent/$1/', '^agent/drivers/driver\\.ts$', '^agent/ring/port\\.ts$'],
      },
    },
    {
      name: 'stages-know-nothing-of-what-stands-above-them',
      severity: 'error',
      from: { path: '^agent/(drivers|ingest|ring|alarm|annunciate|forward|site)/', pathNot: TESTS },
      to: { path: '^agent/(main\\.|(wire|watch|console|metrics|doctor|discover|cli)/)' },
    },
    {
      name: 'relay-stages-meet-in-main',
      severity: 'error',
      from: { path: `^relay/(${RELAY_STAGES})/`, pathNot: TESTS },
      to: {
        path: `^relay/(${RELAY_STAGES}|log|web)/`,
        pathNot: [
          '^relay/$1/',
          // What a stage shows the others, and the settings that it owns.
          '^relay/[^/]+/(port|schema)\\.ts$',
          '^relay/log/kafka/schema\\.ts$',
          // The log's side for whoever reads and writes it, and the server's for whoever has routes.
          '^relay/log/(decode|headers|own-ring|reserved)\\.ts$',
          '^relay/web/(body|guard|secret|tries)\\.ts$',
        ],
      },
    },
    {
      name: 'log-and-web-know-no-stage',
      severity: 'error',
      from: { path: '^relay/(log|web)/', pathNot: TESTS },
      to: { path: `^relay/(${RELAY_STAGES}|log|web)/`, pathNot: '^relay/$1/' },
    },
    {
      name: 'relay-stages-know-nothing-of-what-stands-above-them',
      severity: 'error',
      from: { path: `^relay/(${RELAY_STAGES}|log|web)/`, pathNot: TESTS },
      to: { path: '^relay/(main\\.|(cli|config|health)/)' },
    },
    {
      name: 'commands-beside-a-relay-load-no-web-server',
      severity: 'error',
      from: { path: '^relay/(log/open|cli/(archive|dead-letters|flink-env|replay|topics))\\.ts$' },
      to: { path: '(^relay/(main\\.|web/(?!schema\\.))|node_modules/@?fastify)', reachable: true },
    },
    only('onoff-at-the-edge', 'onoff', '^agent/drivers/gpio/'),
    only('serialport-at-the-edge', 'serialport', '^agent/(drivers/serial|annunciate/sms)/'),
    only('modbus-at-the-edge', 'modbus-serial', '^agent/drivers/serial/'),
    only(
      'sqlite-at-the-edge',
      'better-sqlite3',
      '^(agent/ring/|relay/(log/embedded|archive)/|host/folder-lock\\.)',
    ),
    only('kafkajs-at-the-edge', 'kafkajs', '^relay/log/kafka/'),
    only('registry-client-at-the-edge', '@kafkajs', '^relay/log/kafka/'),
    only('pg-at-the-edge', 'pg', '^relay/archive/'),
    only('mqtt-at-the-edge', '(mqtt|aedes)', '^(host/mqtt|agent/drivers/mqtt)/'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'] },
    exclude: { path: '^dist/' },
  },
};
