import type { Decoded } from './driver.js';

/** Which of the probes and places in a payload a sensor means. */
export interface Place {
  device?: string | undefined;
  channel?: string | undefined;
  /** Where the sensor names no channel: the one that the model means. */
  defaultChannel?: string | undefined;
}

/** The samples of one sensor. A payload that has others, but none of these, says so. */
export function pick(decoded: Decoded, { device, channel, defaultChannel }: Place): Decoded {
  const wanted = channel ?? defaultChannel;
  const samples = decoded.samples.filter(
    (sample) =>
      (device === undefined || sample.device?.toLowerCase() === device.toLowerCase()) &&
      (wanted === undefined || sample.channel === undefined || sample.channel === wanted),
  );
  if (samples.length > 0 || decoded.samples.length === 0) return { samples, problems: decoded.problems };
  const missing = device === undefined ? `channel ${wanted}` : `probe ${device}`;
  return { samples, problems: [...decoded.problems, `${missing} is not in the payload`] };
}
