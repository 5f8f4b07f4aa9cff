import { Clinic } from '../world/clinic.js';
import { freePort, getJson, Program, until } from '../world/run/programs.js';
import { tempFolder } from '../world/run/services.js';
import { type Figure, figure, rssMb } from './figure.js';

const SENSORS = 10;

/** The agent with ten sensors of all kinds, nothing wrong: its memory. */
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
  try {
    await until('the agent', 20_000, () => getJson(`http://127.0.0.1:${httpPort}/api/status`));
    await clinic.start();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    return [figure('agent.rss_idle', rssMb(agent.pid), 'MB, 10 sensors')];
  } finally {
    await agent.stop();
    await clinic.stop();
    folder.remove();
  }
}
