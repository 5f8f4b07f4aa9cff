import type { Catalog, Measured } from './catalog.js';

const EVENTS: Record<Parameters<Catalog['event']>[0], string> = {
  sensor_fault: 'probe is faulty',
  communication_lost: 'no readings',
  mains_lost: 'mains power is out',
  door_open: 'door is open',
  low_battery: 'battery is low',
  clock: 'gateway clock is not set',
  calibration: 'calibration is due',
  storage: 'gateway storage is failing',
  gateway_silent: 'gateway is silent',
  kpi: 'alert',
};

const MEASURES: Record<Measured, string> = {
  mkt: 'MKT',
  vvm_used: 'vial monitors used',
  budget_used: 'time out of range',
  other: 'unusual temperature',
};

export const en: Catalog = {
  excursion: ({ value, limit, side, since }) => `${value} C, ${side} ${limit} C since ${since}.`,
  warning: ({ value, since }) => `${value} C, not as usual since ${since}.`,
  measure: (name, { used, allowed, since }) => `${MEASURES[name]} ${used}, mark ${allowed}, since ${since}.`,
  event: (type, since) => `${EVENTS[type]} since ${since}.`,
  cleared: ({ what, at }) => `OVER at ${at}: ${what}`,
  reminder: 'STILL ON:',
  more: (count) => `and ${count} more.`,
  adviceExcursion: 'Check door and power, move vaccine if it stays.',
  adviceMains: 'Check breaker and plug, keep fridges shut.',
  adviceSensor: 'Check the probe and its cable.',
  replyAck: (code) => `Reply ACK ${code}`,
  acknowledged: (codes, by) => `${codes} acknowledged by ${by}. Thank you.`,
  unknownCode: (code) => `No open alarm has the code ${code}. Reply STATUS to see what is open.`,
  nothingOpen: 'No alarm is open.',
  status: ({ sensors, ok, open }) => `${ok} of ${sensors} sensors well, ${open} alarms open.`,
  help: 'Reply ACK and the four-digit code, or STATUS.',
};
