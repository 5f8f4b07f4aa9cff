import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { COMPANY_ROWS } from '../../agent/ring/client.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { startRelay } from '../world/run/relay.js';
import { type Service, startKafka, startMosquitto, tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';
import { cpuSeconds, type Figure, figure } from './figure.js';
import { ingestSite, publish } from './ingest.js';

const ROUNDS = 3;
const NAIVE = fileURLToPath(new URL('./naive.js', import.meta.url));

/** The agent's CPU for readings all the way, MQTT to acknowledged by the relay, against the naive agent's. */
export async function pathFigures(count: number): Promise<Figure[]> {
  const kafka = await startKafka();
  try {
    let [naive, ours] = [0, 0];
    // Turn about: what else the machine does meets both.
    for (let round = 0; round < ROUNDS; round++) {
      naive += await withBroker((mosquitto) => naiveCpu(kafka, mosquitto, count / ROUNDS, round));
      ours += await withBroker((mosquitto) => agentCpu(kafka, mosquitto, count / ROUNDS));
    }
    const per100k = (seconds: number) => (seconds / count) * 100_000;
    return [
      figure('agent.cpu', per100k(ours), 's per 100,000 readings, MQTT to acknowledged', {
        name: 'naive agent: mqtt, SQLite FULL, kafkajs',
        value: per100k(naive),
      }),
    ];
  } finally {
    await kafka.stop();
  }
}

/** A broker of its own each time: it keeps messages for whoever had subscribed before. */
async function withBroker(measure: (mosquitto: Service) => Promise<number>): Promise<number> {
  const mosquitto = await startMosquitto('max_queued_messages 0\nlog_type none\n');
  try {
    return await measure(mosquitto);
  } finally {
    await mosquitto.stop();
  }
}

async function naiveCpu(kafka: Service, mosquitto: Service, count: number, round: number): Promise<number> {
  const topic = `naive-${process.pid}-${round}`;
  const admin = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 6 }], waitForLeaders: true });
  const folder = tempFolder('naive');
  const child = fork(NAIVE, [`mqtt://${mosquitto.address}`, kafka.address, topic, `${folder.path}/naive.db`]);
  try {
    await new Promise((resolve) => child.once('message', resolve));
    const before = cpuSeconds(child.pid!);
    publish(mosquitto, count);
    await until('all of the naive agent in Kafka', 60_000, async () => {
      const offsets = await admin.fetchTopicOffsets(topic);
      return offsets.reduce((sum, { offset }) => sum + Number(offset), 0) >= count;
    });
    return cpuSeconds(child.pid!) - before;
  } finally {
    await ended(child);
    await admin.disconnect();
    folder.remove();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}

async function agentCpu(kafka: Service, mosquitto: Service, count: number): Promise<number> {
  const folder = tempFolder('path');
  const httpPort = await freePort();
  const { program: relay, url } = await startRelay(folder.path, { kafka: kafka.address });
  const site = { ...ingestSite(folder.path, mosquitto, httpPort), relay: { url } };
  const agent = new Program('agent', site, folder.path);
  const status = () => getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
  try {
    await until('the agent', 20_000, async () => (await status()).ring.readings === 0);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const before = cpuSeconds(agent.pid);
    publish(mosquitto, count);
    await until('all of it acknowledged', 60_000, async () => {
      const { ring, relay: link } = await status();
      return ring.readings >= count - COMPANY_ROWS && link.backlog <= COMPANY_ROWS;
    });
    return cpuSeconds(agent.pid) - before;
  } finally {
    await agent.stop();
    await relay.stop();
    folder.remove();
  }
}
