import type { Catalog, Said, Words } from './catalog.js';

const worst = (s: Said) => (s.worst === undefined ? '' : `, au pire ${s.worst}`);
const now = (s: Said) => (s.now === undefined ? '' : `, à présent ${s.now}`);
const detail = (s: Said, fact: string) => (s.full && s.facts[fact] ? ` (${s.facts[fact]})` : '');
const side = (s: Said) => (s.side === 'above' ? 'plus de' : 'moins de');

const beyond: Pick<Words, 'raised' | 'cleared'> = {
  raised: (s) => `${s.value}, ${side(s)} ${s.limit} ${s.since}${worst(s)}`,
  cleared: (s) => `${side(s)} ${s.limit} pendant ${s.lasted}${worst(s)}${now(s)}`,
};

const settled = (s: Said) => `normal à nouveau après ${s.lasted}${now(s)}`;

const heading = (way: string): Pick<Words, 'raised' | 'cleared'> => ({
  raised: (s) => {
    const { earliest, latest } = s.facts;
    if (earliest === undefined) return `${s.value} et ${way}`;
    return latest === null
      ? `${s.value} et ${way}: ${s.limit} dans ${earliest} min au moins`
      : `${s.value} et ${way}: ${s.limit} dans ${earliest} à ${latest} min environ`;
  },
  cleared: settled,
});

const usual: Pick<Words, 'raised' | 'cleared'> = {
  raised: (s) =>
    `${s.value}, depuis 50 min ${s.side === 'above' ? 'au-dessus' : 'au-dessous'} des ${s.limit} habituels`,
  cleared: settled,
};

const believed = (s: Said) => `mesures fiables à nouveau après ${s.lasted}`;
const goods = 'Isolez ses vaccins, demandez au responsable.';
const askFirst = "Demandez l'avis du responsable avant usage.";

const temperatures = {
  too_warm: {
    title: 'Trop chaud',
    ...beyond,
    advice: 'Vérifiez porte et courant; déplacez les vaccins si cela dure.',
    after: goods,
  },
  too_cold: {
    title: 'Trop froid',
    ...beyond,
    advice: 'Éloignez les vaccins de la paroi froide, réglez moins froid.',
    after: goods,
  },
  freezing: {
    title: 'Gel',
    ...beyond,
    advice: 'Sortez les vaccins; isolez ceux qui ont pu geler.',
    after: "Isolez ce qui a pu geler: test d'agitation.",
  },
  freezer_warm: {
    title: 'Congélateur trop chaud',
    ...beyond,
    advice: 'Vérifiez porte et courant, sinon changez de congélateur.',
    after: goods,
  },
  freezer_cold: { title: 'Congélateur trop froid', ...beyond, advice: 'Réglez moins froid.', after: goods },
  room_warm: {
    title: 'Local trop chaud',
    ...beyond,
    advice: 'Aérez ou climatisez, sinon déplacez les produits.',
    after: askFirst,
  },
  room_cold: {
    title: 'Local trop froid',
    ...beyond,
    advice: 'Chauffez le local, sinon déplacez les produits.',
    after: askFirst,
  },
  out_of_limits: { title: 'Hors limites', ...beyond, advice: 'Vérifiez le lieu et son réglage.' },
  heading_warm: {
    title: 'Se réchauffe',
    ...heading('monte'),
    advice: 'Vérifiez porte, courant et réglage sans attendre.',
  },
  heading_cold: {
    title: 'Se refroidit',
    ...heading('descend'),
    advice: 'Réglez moins froid; vaccins loin de la paroi.',
  },
  above_usual: {
    title: "Plus chaud que d'habitude",
    ...usual,
    advice: "Vérifiez porte, réglage et passage de l'air.",
  },
  below_usual: { title: "Plus froid que d'habitude", ...usual, advice: 'Vérifiez le réglage.' },
} satisfies Partial<Catalog['kinds']>;

const measures = {
  compressor: {
    title: 'Froid affaibli',
    raised: (s) => `le compresseur tourne ${s.facts.share ?? '?'} % de plus; fuite de gaz possible`,
    cleared: (s) => `le compresseur tourne comme d'habitude après ${s.lasted}`,
    advice: 'Faites venir le technicien cette semaine.',
  },
  moving: {
    title: 'Variation rapide',
    raised: (s) => `variation de ${s.value} en ${s.facts.seconds} s${now(s)}`,
    cleared: settled,
    advice: 'Vérifiez porte et sonde.',
  },
  unusual: {
    title: 'Inhabituel',
    raised: (s) => `${s.now ?? '?'}, inhabituel ${s.since}`,
    cleared: settled,
    advice: 'Allez voir.',
  },
  mkt: {
    title: 'Température cinétique moyenne',
    raised: (s) => `moyenne (MKT) de ${s.facts.hours} h ${s.value}, plus de ${s.limit}`,
    cleared: (s) => `moyenne (MKT) de nouveau à ${s.value}, limite ${s.limit}`,
    advice: 'Gardez au froid; avis du responsable avant usage.',
    after: askFirst,
  },
  vials: {
    title: 'Pastilles de vaccin usées',
    raised: (s) => `pastilles (PCV${s.facts.monitor}) usées à ${s.value}, seuil ${s.limit}`,
    cleared: (s) => `nouveaux produits: pastilles usées à ${s.value}`,
    advice: 'Regardez les pastilles avant usage.',
  },
  budget: {
    title: 'Temps hors limites épuisé',
    raised: (s) => `${s.value} hors limites, ${s.limit} permises${detail(s, 'product')}`,
    cleared: (s) => `nouveaux produits: ${s.value} hors limites`,
    advice: "N'utilisez pas ces produits, demandez au responsable.",
  },
  probe_faulty: {
    title: 'Sonde en panne',
    raised: (s) => `sonde en panne ${s.since}${detail(s, 'reason')}`,
    cleared: believed,
    advice: 'Vérifiez sonde et fil; relevez un thermomètre.',
  },
  probe_frozen: {
    title: 'Sonde bloquée',
    raised: (s) => `la sonde indique exactement ${s.value} ${s.since}`,
    cleared: believed,
    advice: 'Relevez un thermomètre, changez la sonde.',
  },
  probe_jumps: {
    title: 'Sonde instable',
    raised: (s) =>
      s.facts.jitter === undefined
        ? `mesures instables ${s.since}`
        : `la sonde saute de ${s.celsius(Number(s.facts.jitter))} d'une mesure à l'autre`,
    cleared: believed,
    advice: 'Vérifiez la prise et le fil de la sonde.',
  },
  probe_swapped: {
    title: 'Autre sonde',
    raised: (s) => `mesuré par une autre sonde ${s.since}`,
    cleared: (s) => `mesuré par sa propre sonde à nouveau après ${s.lasted}`,
    advice: 'Remettez les sondes à leur place.',
  },
  silent: {
    title: 'Aucune mesure',
    raised: (s) => `aucune mesure ${s.since}`,
    cleared: (s) => `mesures de retour après ${s.lasted}`,
    advice: "Vérifiez l'alimentation du capteur; relevez un thermomètre.",
  },
} satisfies Partial<Catalog['kinds']>;

const surroundings = {
  mains_out: {
    title: 'Coupure de courant',
    raised: (s) => `coupure de courant ${s.since}`,
    cleared: (s) => `courant rétabli après ${s.lasted}`,
    advice: 'Vérifiez disjoncteur et prise, gardez les frigos fermés.',
  },
  door_open: {
    title: 'Porte ouverte',
    raised: (s) => `ouverte ${s.since}`,
    cleared: (s) => `refermée après ${s.lasted}`,
    advice: 'Fermez la porte.',
  },
  low_battery: {
    title: 'Pile faible',
    raised: (s) => `pile faible (${s.value})`,
    cleared: () => 'la pile est bonne à nouveau',
    advice: 'Changez la pile.',
  },
  clock: {
    title: "Horloge pas à l'heure",
    raised: (s) => `horloge pas à l'heure ${s.since}`,
    cleared: () => "horloge à l'heure",
    advice: 'Connectez internet une fois. Les alarmes continuent.',
  },
  calibration: {
    title: 'Étalonnage à faire',
    raised: (s) =>
      `étalonnage à faire ${Number(s.facts.days ?? 0) > 0 ? `dans ${s.facts.days} jours` : 'maintenant'}`,
    cleared: () => 'étalonnage à jour',
    advice: 'Faites étalonner ou remplacer la sonde.',
  },
  storage: {
    title: 'Mémoire en panne',
    raised: (s) => `mémoire en panne ${s.since}`,
    cleared: () => 'la mémoire fonctionne à nouveau',
    advice: 'Appelez le technicien (carte). Les alarmes continuent.',
  },
  not_started: {
    title: 'Ne démarre pas',
    raised: (s) => `${s.facts.part ?? ''} ne démarre pas ${s.since}`,
    cleared: (s) => `${s.facts.part ?? ''} a démarré après ${s.lasted}`,
    advice: 'Vérifiez sa prise ou prévenez le technicien.',
  },
  refused: {
    title: 'Enregistrement refusé',
    raised: (s) => `un enregistrement refusé ${s.since}`,
    cleared: () => 'plus aucun refus depuis une heure',
    advice: 'Prévenez le technicien. Les alarmes continuent.',
  },
  gateway_silent: {
    title: 'Passerelle muette',
    raised: (s) => `ne répond plus ${s.since}`,
    cleared: (s) => `de retour après ${s.lasted}`,
    advice: 'Vérifiez courant et réseau de la passerelle.',
  },
  other: {
    title: 'Alerte',
    raised: (s) => `alerte ${s.since}`,
    cleared: (s) => `fini après ${s.lasted}`,
    advice: 'Allez voir.',
  },
} satisfies Partial<Catalog['kinds']>;

const twoDigits = (n: number) => String(n).padStart(2, '0');

export const fr: Catalog = {
  kinds: { ...temperatures, ...measures, ...surroundings },
  units: { second: 's', minute: 'min', hour: 'h', day: 'j' },
  decimal: ',',
  date: (day, month) => `${twoDigits(day)}/${twoDigits(month)}`,
  since: (lasted, clock) => (clock === undefined ? `depuis ${lasted}` : `depuis ${clock} (${lasted})`),
  of: (name, sentence) => `${name}: ${sentence}`,
  over: (what, at) => `FINI à ${at}: ${what}`,
  removed: (name, title) => `N'EST PLUS SUIVI: ${name} (avant: ${title})`,
  reminder: 'TOUJOURS:',
  more: (count) => (count === 1 ? 'et 1 autre.' : `et ${count} autres.`),
  replyAck: (code) => `Répondez ACK ${code}`,
  taken: ({ by, what, comment }) =>
    `${by === undefined ? "Quelqu'un sur place" : by} s'en occupe: ${what}${comment === undefined ? '' : ` "${comment}"`}`,
  acknowledged: (codes, by) => `${codes} pris en charge par ${by}. Merci.`,
  unknownCode: (code) => `Aucune alarme ouverte n'a le code ${code}. Répondez STATUS pour voir la liste.`,
  help: 'Répondez ACK et le code à quatre chiffres, ou STATUS.',
  status: {
    noAlarm: 'Aucune alarme.',
    alarms: (count) => (count === 1 ? '1 ALARME:' : `${count} ALARMES:`),
    hasIt: (by) => (by === null ? 'vu' : `${by} s'en occupe`),
    unheard: 'Pas encore de mesure:',
    more: (count) => `+${count} autres`,
  },
  test: "SMS d'essai. Aucune alarme.",
};
