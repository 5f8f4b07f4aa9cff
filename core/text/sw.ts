import type { Catalog, Measured } from './catalog.js';

const EVENTS: Record<Parameters<Catalog['event']>[0], string> = {
  sensor_fault: 'kipimo kimeharibika',
  communication_lost: 'hakuna vipimo',
  mains_lost: 'umeme umekatika',
  door_open: 'mlango uko wazi',
  low_battery: 'betri iko chini',
  clock: 'saa ya kifaa haijawekwa',
  calibration: 'muda wa kurekebisha kipimo umefika',
  storage: 'hifadhi ya kifaa ina hitilafu',
  gateway_silent: 'kifaa kimenyamaza',
  kpi: 'tahadhari',
};

const MEASURES: Record<Measured, string> = {
  mkt: 'MKT',
  vvm_used: 'VVM imetumika',
  budget_used: 'muda nje ya kiwango',
  other: 'joto si la kawaida',
};

export const sw: Catalog = {
  excursion: ({ value, limit, side, since }) =>
    `${value} C, ${side === 'above' ? 'juu ya' : 'chini ya'} ${limit} C tangu ${since}.`,
  warning: ({ value, since }) => `${value} C, si kawaida tangu ${since}.`,
  measure: (name, { used, allowed, since }) =>
    `${MEASURES[name]} ${used}, kikomo ${allowed}, tangu ${since}.`,
  event: (type, since) => `${EVENTS[type]} tangu ${since}.`,
  cleared: ({ what, at }) => `IMEISHA saa ${at}: ${what}`,
  reminder: 'BADO:',
  more: (count) => `na nyingine ${count}.`,
  adviceExcursion: 'Angalia mlango na umeme, hamisha chanjo ikiendelea.',
  adviceMains: 'Angalia swichi kuu na plagi, friji zibaki zimefungwa.',
  adviceSensor: 'Angalia kipimo na waya wake.',
  replyAck: (code) => `Jibu ACK ${code}`,
  acknowledged: (codes, by) => `${codes} imepokelewa na ${by}. Asante.`,
  unknownCode: (code) => `Hakuna tahadhari yenye namba ${code}. Jibu STATUS kuona zilizo wazi.`,
  nothingOpen: 'Hakuna tahadhari iliyo wazi.',
  status: ({ sensors, ok, open }) =>
    `Vipimo ${ok} kati ya ${sensors} viko sawa, tahadhari ${open} ziko wazi.`,
  help: 'Jibu ACK na namba ya tarakimu nne, au STATUS.',
};
