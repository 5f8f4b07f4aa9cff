// What the page says, and what it makes of times and values.

export const WORDS = {
  excursion: 'Out of range',
  pre_alarm: 'Getting warm or cold',
  sensor_fault: 'Probe fault',
  communication_lost: 'No readings',
  mains_lost: 'Mains power out',
  door_open: 'Door open',
  low_battery: 'Battery low',
  clock: 'Clock not set',
  calibration: 'Calibration due',
  storage: 'Storage failing',
  gateway_silent: 'Gateway silent',
  kpi: 'Stock and sales',
};
export const PHASES = {
  raised: 'open',
  escalated: 'open, escalated',
  acknowledged: 'acknowledged',
  cleared: 'over',
};
// A state is a word, a shape and a colour, never one alone. Worst first.
export const STATES = {
  alarm: { word: 'alarm', shape: '■' },
  watch: { word: 'watch', shape: '▲' },
  silent: { word: 'silent', shape: '◌' },
  well: { word: 'well', shape: '●' },
};
export const ORDER = Object.keys(STATES);

const UNITS = { Cel: '°C', '%RH': '% RH', 1: '' };
const QUANTITIES = { temperature: '', humidity: 'humidity', contact: 'contact', battery_level: 'battery' };

export const quantityOf = ({ quantity }) => QUANTITIES[quantity] ?? quantity.replaceAll('_', ' ');

// By what the contact is for: [0, 1].
const CONTACTS = { door: ['closed', 'open'], mains: ['out', 'there'] };

export function readingOf({ quantity, unit, last, purpose }) {
  if (quantity === 'contact') return (CONTACTS[purpose] ?? ['idle', 'active'])[last.value ? 1 : 0];
  return `${last.value.toFixed(1)} ${UNITS[unit] ?? unit}`;
}

const CLOCK = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };

// With its date, unless it is today.
export function timeOf(ms, now) {
  const at = new Date(ms);
  const today = at.toDateString() === new Date(now).toDateString();
  const date = today ? {} : { day: 'numeric', month: 'short' };
  return at.toLocaleString([], { ...date, ...CLOCK });
}

export function ageOf(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} days ago`;
}

export function lastedOf(ms) {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 120) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// Silent: not heard for three times as long as it is used to, and five minutes at least, for links are slow.
const MISSED = 3;
const PATIENCE_MS = 300_000;
export const isSilent = (sensor, now) =>
  now - sensor.last.at > Math.max(PATIENCE_MS, MISSED * (sensor.every_ms ?? 0));
