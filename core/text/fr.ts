import type { Catalog, Measured } from './catalog.js';

const EVENTS: Record<Parameters<Catalog['event']>[0], string> = {
  sensor_fault: 'sonde en panne',
  communication_lost: 'aucune mesure',
  mains_lost: 'coupure de courant',
  door_open: 'porte ouverte',
  low_battery: 'pile faible',
  clock: "horloge de la passerelle pas à l'heure",
  calibration: 'étalonnage à faire',
  storage: 'mémoire de la passerelle en panne',
  gateway_silent: 'passerelle muette',
  kpi: 'alerte',
};

const MEASURES: Record<Measured, string> = {
  mkt: 'MKT',
  vvm_used: 'VVM usées',
  budget_used: 'hors limites',
  other: 'inhabituel',
};

export const fr: Catalog = {
  excursion: ({ value, limit, side, since }) =>
    `${value} C, ${side === 'above' ? 'au-dessus de' : 'au-dessous de'} ${limit} C depuis ${since}.`,
  warning: ({ value, since }) => `${value} C, inhabituel depuis ${since}.`,
  measure: (name, { used, allowed, since }) => `${MEASURES[name]} ${used}, seuil ${allowed}, dès ${since}.`,
  event: (type, since) => `${EVENTS[type]} depuis ${since}.`,
  cleared: ({ what, at }) => `FINI à ${at}: ${what}`,
  reminder: 'TOUJOURS:',
  more: (count) => `et ${count} autres.`,
  adviceExcursion: 'Vérifiez porte et courant, déplacez les vaccins si cela dure.',
  adviceMains: 'Vérifiez disjoncteur et prise, gardez les frigos fermés.',
  adviceSensor: 'Vérifiez la sonde et son fil.',
  replyAck: (code) => `Répondez ACK ${code}`,
  acknowledged: (codes, by) => `${codes} pris en charge par ${by}. Merci.`,
  unknownCode: (code) => `Aucune alarme ouverte n'a le code ${code}. Répondez STATUS pour voir la liste.`,
  nothingOpen: 'Aucune alarme ouverte.',
  status: ({ sensors, ok, open }) => `${ok} sondes sur ${sensors} en ordre, ${open} alarmes ouvertes.`,
  help: 'Répondez ACK et le code à quatre chiffres, ou STATUS.',
};
