import { Clinic } from '../world/clinic.js';
import { freePort, getJson, Program, until } from '../world/programs.js';
import { tempFolder } from '../world/services.js';
import { type Figure, figure, rssMb } from './figure.js';

const SENSORS = 10;

/** The agent with ten sensors of all kinds, nothing wrong: its memory, and how soon the first reading is safe. */
export async function idleFigures(seconds: number): Promise<Figure[]> {
  const folder = tempFolder('idle');
  const [httpPort, mqttPort] = [await freePort(), await freePort()];
  const clinic = new Clinic({
    folder: folder.path,
    speed: 1,
    relayUrl: 'http://127.0.0.1:9',
    httpPort,
    mqttPort,
    dwell: '10m',
  });
  const site = clinic.siteConfig();
  const more = Array.from({ length: SENSORS - site.sensors.length }, (_, i) => ({
    ...site.sensors[2]!,
    id: `more-${i}`,
    source: { kind: 'mqtt', topic: `zigbee2mqtt/more-${i}` },
  }));
  const agent = new Program('agent', { ...site, sensors: [...site.sensors, ...more] }, folder.path);
  const started = performance.now();
  try {
    const status = () => getJson<{ ring: { readings: number } }>(`http://127.0.0.1:${httpPort}/api/status`);
    await until('the first durable reading', 20_000, async () => (await status()).ring.readings > 0);
    const coldStart = (performance.now() - started) / 1000;
    await clinic.start();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    return [
      figure('agent.rss_idle', rssMb(agent.pid), 'MB, 10 sensors'),
      figure('agent.start', coldStart, 's to the first durable reading, group wait of 1 s included'),
    ];
  } finally {
    await agent.stop();
    await clinic.stop();
    folder.remove();
  }
}
