import type { ResolvedSensor } from '../../site/resolve.js';
import type { DriverKind } from '../kind.js';
import type { KernelSensor } from './kernel.js';

export const kernel: DriverKind<{ root: string; probes: KernelSensor[] }> = {
  needs({ config, sensors }) {
    const probes = sensors.flatMap(probeOf);
    return probes.length > 0 ? { root: config.gpio.kernel_root, probes } : undefined;
  },
  async load() {
    const { openKernel } = await import('./kernel.js');
    return ({ root, probes }) => openKernel(root, probes);
  },
};

function probeOf({ id, source, device, everyMs }: ResolvedSensor): KernelSensor[] {
  if (source.kind !== 'kernel' || device?.protocol.transport !== 'kernel') return [];
  return [{ sensor: id, at: source.at, everyMs, model: device.protocol }];
}
