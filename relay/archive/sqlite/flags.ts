import type { ArchivedReading } from '../port.js';

/** What is usual is 0, which SQLite keeps without a byte. Never renumbered: files live for years. */
const QUALITY = { good: 0, suspect: 1, bad: 2 } as const;
const QUALITIES = ['good', 'suspect', 'bad'] as const;
const QUALITY_BITS = 3;
const ESTIMATED = 4;
/** The value is as it came: in thousandths it would not be the same. */
const AS_IT_CAME = 8;

export interface Packed {
  value: number;
  flags: number;
}

type Unpacked = Pick<ArchivedReading, 'value' | 'quality' | 'time_quality'>;

export function pack({ value, quality, time_quality }: Unpacked): Packed {
  const thousandths = Math.round(value * 1000);
  const exact = thousandths / 1000 === value;
  const flags = QUALITY[quality] | (time_quality === 'estimated' ? ESTIMATED : 0) | (exact ? 0 : AS_IT_CAME);
  return { value: exact ? thousandths : value, flags };
}

export function unpack({ value, flags }: Packed): Unpacked {
  return {
    value: flags & AS_IT_CAME ? value : value / 1000,
    quality: QUALITIES[(flags & QUALITY_BITS) as 0 | 1 | 2],
    time_quality: flags & ESTIMATED ? 'estimated' : 'synchronised',
  };
}
