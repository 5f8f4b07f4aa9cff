import { randomUUID } from 'node:crypto';
import { connectAsync } from 'mqtt';
import { ModbusBus } from '../world/probes/modbus-slave.js';
import { openPty } from '../world/probes/pty.js';
import { W1Tree } from '../world/probes/w1.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { tempFolder } from '../world/run/services.js';
import type { AgentStatus } from '../world/run/views.js';
import { cpuSeconds, type Figure, figure, rssMb } from './figure.js';

const CADENCE_S = 10;
const W1 = 60;
const RTU = 40;
const PUSHED = 100;

/** 200 sensors over three transports, one Modbus bus mute: CPU of the agent, and how many kept their cadence. */
export async function sensorsFigures(seconds: number): Promise<Figure[]> {
  const folder = tempFolder('sensors');
  const [httpPort, mqttPort] = [await freePort(), await freePort()];
  const w1 = new W1Tree(`${folder.path}/w1`);
  const rom = (i: number) => `28-0000000000${i.toString(16).padStart(2, '0')}`;
  for (let i = 0; i < W1; i++) w1.set(rom(i), 4 + i / 40);
  const ptys = [openPty(), openPty()];
  const bus = new ModbusBus(ptys[0]!);
  for (let unit = 1; unit <= RTU / 2; unit++) for (const address of [1, 2]) bus.set(unit, address, 45);
  const every = `${CADENCE_S}s`;
  const sensors = [
    ...Array.from({ length: W1 }, (_, i) => ({
      id: `w1-${i}`,
      model: 'maxim/ds18b20',
      source: { kind: 'w1', rom: rom(i) },
    })),
    ...Array.from({ length: RTU }, (_, i) => ({
      id: `${i < RTU / 2 ? 'rtu' : 'mute'}-${i}`,
      model: 'xy/xy-md02',
      source: { kind: 'modbus', port: ptys[i < RTU / 2 ? 0 : 1]!.path, unit: (i % (RTU / 2)) + 1 },
    })),
    ...Array.from({ length: PUSHED }, (_, i) => ({
      id: `push-${i}`,
      source: {
        kind: 'mqtt',
        topic: `b/${i}`,
        values: [{ quantity: 'temperature', unit: 'Cel', path: 't' }],
      },
    })),
  ].map((sensor) => ({ ...sensor, every, preset: 'refrigerator-2-8' }));
  const site = {
    clinic: { id: 'bench', name: 'Bench' },
    gateway: 'bench-1',
    data: `${folder.path}/agent`,
    sensors,
    gpio: { w1_root: w1.root },
    mqtt: { embedded: { port: mqttPort } },
    http: { host: '127.0.0.1', port: httpPort },
  };
  const agent = new Program('agent', site, folder.path);
  const counts = async () => {
    const { sensors: list } = await getJson<AgentStatus>(`http://127.0.0.1:${httpPort}/api/status`);
    return new Map(list.map((s) => [s.id, s.good]));
  };
  try {
    await until('the agent', 30_000, counts);
    const mqtt = await connectAsync(`mqtt://127.0.0.1:${mqttPort}`, { clientId: randomUUID() });
    let round = 0;
    const push = () => {
      round += 1;
      for (let i = 0; i < PUSHED; i++)
        mqtt.publish(`b/${i}`, JSON.stringify({ t: 4 + (round % 9) / 10 }), { qos: 1 });
    };
    const timer = setInterval(push, CADENCE_S * 1000);
    // The first rounds find out who is mute.
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    const [before, cpu] = [await counts(), cpuSeconds(agent.pid)];
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const [after, used] = [await counts(), cpuSeconds(agent.pid) - cpu];
    clearInterval(timer);
    await mqtt.endAsync(true);
    const due = seconds / CADENCE_S;
    const kept = sensors.filter(({ id }) => {
      // An XY-MD02 gives temperature and humidity.
      const rounds = ((after.get(id) ?? 0) - (before.get(id) ?? 0)) / (id.startsWith('rtu') ? 2 : 1);
      return Math.abs(rounds - due) <= due * 0.1;
    });
    const load = `200 sensors each ${CADENCE_S} s, a bus of ${RTU / 2} mute`;
    return [
      figure('sensors.cpu', (100 * used) / seconds, `% of one core, ${load}`),
      figure('sensors.on_time', kept.length, 'sensors that kept their cadence within 10 %', {
        name: 'sensors that answer',
        value: 200 - RTU / 2,
      }),
      figure('sensors.rss', rssMb(agent.pid), `MB, ${load}`),
    ];
  } finally {
    await agent.stop();
    for (const pty of ptys) await pty.close();
    folder.remove();
  }
}
