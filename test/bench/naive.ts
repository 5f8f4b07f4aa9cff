import Database from 'better-sqlite3';
import { Kafka, logLevel } from 'kafkajs';
import { connect } from 'mqtt';

/*
 * The naive agent, for reference: MQTT → SQLite with synchronous=FULL, a batch a tick → Kafka with kafkajs, and the
 * row is marked sent. No rules, no sequence, no relay, no repeats noticed.  node naive.js MQTT_URL BROKER TOPIC FILE
 * A message is confirmed to its broker by mqtt.js before its commit: the fast way, which loses what a crash catches.
 */
const [url, broker, topic, file] = process.argv.slice(2) as [string, string, string, string];
const db = new Database(file);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(
  'CREATE TABLE readings (id INTEGER PRIMARY KEY, sensor TEXT, at INTEGER, value REAL, sent INTEGER DEFAULT 0)',
);
const insert = db.prepare('INSERT INTO readings (sensor, at, value) VALUES (?, ?, ?)');
const markSent = db.prepare('UPDATE readings SET sent = 1 WHERE id BETWEEN ? AND ?');
interface Row {
  sensor: string;
  at: number;
  value: number;
}
let waiting: Row[] = [];
const queue: { first: number; rows: Row[] }[] = [];
const commit = db.transaction((rows: Row[]) =>
  rows.map((r) => insert.run(r.sensor, r.at, r.value).lastInsertRowid),
);
const producer = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).producer();
const connected = producer.connect();
connected.catch(() => {});

function store(): void {
  const rows = waiting;
  waiting = [];
  queue.push({ first: Number(commit(rows)[0]), rows });
  if (queue.length === 1) void send();
}

async function send(): Promise<void> {
  await connected;
  for (let next = queue[0]; next; next = queue[0]) {
    const messages = next.rows.map((row) => ({ key: row.sensor, value: JSON.stringify(row) }));
    await producer.send({ topic, messages });
    markSent.run(next.first, next.first + next.rows.length - 1);
    queue.shift();
  }
}

const client = connect(url, { clientId: 'naive', clean: false });
client.on('message', (sensor, payload) => {
  if (waiting.length === 0) setImmediate(store);
  const { temperature } = JSON.parse(payload.toString()) as { temperature: number };
  waiting.push({ sensor, at: performance.timeOrigin + performance.now(), value: temperature });
});
client.subscribe('bench/#', { qos: 1 }, () => process.send?.('ready'));
