import type { Catalog, Said, Words } from './catalog.js';

/*
 * Times are shown as a clock shows them ("tangu 05:47"), never after "saa", which would be read as the Swahili hour, six
 * hours apart; "saa 2" is a length of time here, always after "kwa" or "baada ya", or in brackets.
 */
const worst = (s: Said) => (s.worst === undefined ? '' : `, mbaya zaidi ${s.worst}`);
const now = (s: Said) => (s.now === undefined ? '' : `, sasa ${s.now}`);
const detail = (s: Said, fact: string) => (s.full && s.facts[fact] ? ` (${s.facts[fact]})` : '');
const side = (s: Said) => (s.side === 'above' ? 'juu ya' : 'chini ya');

const beyond: Pick<Words, 'raised' | 'cleared'> = {
  raised: (s) => `${s.value}, ${side(s)} ${s.limit} ${s.since}${worst(s)}`,
  cleared: (s) => `ilikuwa ${side(s)} ${s.limit} kwa ${s.lasted}${worst(s)}${now(s)}`,
};

const settled = (s: Said) => `kawaida tena baada ya ${s.lasted}${now(s)}`;

const heading = (way: string): Pick<Words, 'raised' | 'cleared'> => ({
  raised: (s) => {
    const { earliest, latest } = s.facts;
    if (earliest === undefined) return `${s.value}, joto ${way}`;
    return latest === null
      ? `${s.value}, joto ${way}: ${s.limit} baada ya dakika ${earliest} au zaidi`
      : `${s.value}, joto ${way}: ${s.limit} baada ya dakika ${earliest} hadi ${latest}`;
  },
  cleared: settled,
});

const usual: Pick<Words, 'raised' | 'cleared'> = {
  raised: (s) => `${s.value}, kwa dakika 50 ${side(s)} kiwango chake cha kawaida ${s.limit}`,
  cleared: settled,
};

const believed = (s: Said) => `vipimo sahihi tena baada ya ${s.lasted}`;
const goods = 'Tenga chanjo zake; muulize msimamizi kabla ya kutumia.';
const askFirst = 'Muulize msimamizi kabla ya kutumia bidhaa.';

const temperatures = {
  too_warm: {
    title: 'Joto limezidi',
    ...beyond,
    advice: 'Angalia mlango na umeme; hamisha chanjo joto likiendelea.',
    after: goods,
  },
  too_cold: {
    title: 'Baridi imezidi',
    ...beyond,
    advice: 'Weka chanjo mbali na sehemu ya barafu, punguza baridi.',
    after: goods,
  },
  freezing: {
    title: 'Inaganda',
    ...beyond,
    advice: 'Toa chanjo sasa; tenga ambazo huenda zimeganda.',
    after: 'Tenga zilizoganda; fanya jaribio la kutikisa.',
  },
  freezer_warm: {
    title: 'Friza ina joto mno',
    ...beyond,
    advice: 'Angalia mlango na umeme; hamishia chanjo friza nyingine.',
    after: goods,
  },
  freezer_cold: {
    title: 'Friza ina baridi mno',
    ...beyond,
    advice: 'Punguza baridi ya friza.',
    after: goods,
  },
  room_warm: {
    title: 'Chumba kina joto mno',
    ...beyond,
    advice: 'Poza chumba au hamisha bidhaa.',
    after: askFirst,
  },
  room_cold: {
    title: 'Chumba kina baridi mno',
    ...beyond,
    advice: 'Pasha chumba joto au hamisha bidhaa.',
    after: askFirst,
  },
  out_of_limits: { title: 'Nje ya kiwango', ...beyond, advice: 'Kagua mahali na mpangilio wake.' },
  heading_warm: {
    title: 'Joto linapanda',
    ...heading('linapanda'),
    advice: 'Angalia mlango, umeme na mpangilio sasa.',
  },
  heading_cold: {
    title: 'Joto linashuka',
    ...heading('linashuka'),
    advice: 'Punguza baridi; weka chanjo mbali na barafu.',
  },
  above_usual: {
    title: 'Joto kuliko kawaida',
    ...usual,
    advice: 'Angalia mlango, mpangilio na njia ya hewa.',
  },
  below_usual: { title: 'Baridi kuliko kawaida', ...usual, advice: 'Angalia mpangilio wake.' },
} satisfies Partial<Catalog['kinds']>;

const measures = {
  compressor: {
    title: 'Ubaridi umepungua',
    raised: (s) => `mashine ya baridi hufanya kazi ${s.facts.share ?? '?'} % zaidi; huenda gesi inavuja`,
    cleared: (s) => `mashine ya baridi ni ya kawaida tena baada ya ${s.lasted}`,
    advice: 'Mwite fundi aikague wiki hii.',
  },
  moving: {
    title: 'Joto linabadilika haraka',
    raised: (s) => `joto limebadilika kwa ${s.value} ndani ya sekunde ${s.facts.seconds}${now(s)}`,
    cleared: settled,
    advice: 'Angalia mlango na kihisi.',
  },
  unusual: {
    title: 'Si kawaida',
    raised: (s) => `${s.now ?? '?'}, si kawaida ${s.since}`,
    cleared: settled,
    advice: 'Nenda ukaangalie.',
  },
  mkt: {
    title: 'Wastani wa joto (MKT)',
    raised: (s) => `wastani wa joto (MKT) wa saa ${s.facts.hours} ni ${s.value}, juu ya ${s.limit}`,
    cleared: (s) => `wastani wa joto (MKT) ni ${s.value} tena, kikomo ${s.limit}`,
    advice: 'Weka baridini; muulize msimamizi kabla ya kutumia.',
    after: askFirst,
  },
  vials: {
    title: 'VVM zimetumika',
    raised: (s) => `VVM${s.facts.monitor} zimetumika ${s.value}, kikomo ${s.limit}`,
    cleared: (s) => `bidhaa mpya: VVM zimetumika ${s.value}`,
    advice: 'Kagua VVM kabla ya kutumia chanjo.',
  },
  budget: {
    title: 'Muda nje ya kiwango umeisha',
    raised: (s) => `${s.value} nje ya kiwango, ruhusa ni ${s.limit}${detail(s, 'product')}`,
    cleared: (s) => `bidhaa mpya: ${s.value} nje ya kiwango`,
    advice: 'Usitumie bidhaa hizi, muulize msimamizi.',
  },
  probe_faulty: {
    title: 'Kihisi kimeharibika',
    raised: (s) => `kihisi kimeharibika ${s.since}${detail(s, 'reason')}`,
    cleared: believed,
    advice: 'Angalia kihisi na waya; pima kwa kipimajoto cha mkono.',
  },
  probe_frozen: {
    title: 'Kihisi kimekwama',
    raised: (s) => `kihisi kimekwama kwenye ${s.value} ${s.since}`,
    cleared: believed,
    advice: 'Pima kwa kipimajoto cha mkono, badilisha kihisi.',
  },
  probe_jumps: {
    title: 'Kihisi kinarukaruka',
    raised: (s) =>
      s.facts.jitter === undefined
        ? `kihisi kinarukaruka ${s.since}`
        : `kihisi kinaruka kwa ${s.celsius(Number(s.facts.jitter))} kati ya vipimo`,
    cleared: believed,
    advice: 'Angalia plagi na waya wa kihisi.',
  },
  probe_swapped: {
    title: 'Kihisi kingine',
    raised: (s) => `inapimwa na kihisi kingine ${s.since}`,
    cleared: (s) => `inapimwa na kihisi chake tena baada ya ${s.lasted}`,
    advice: 'Rudisha vihisi mahali pake au mwambie fundi.',
  },
  silent: {
    title: 'Hakuna vipimo',
    raised: (s) => `hakuna vipimo ${s.since}`,
    cleared: (s) => `vipimo vimerudi baada ya ${s.lasted}`,
    advice: 'Angalia umeme au betri ya kihisi; pima kwa kipimajoto.',
  },
} satisfies Partial<Catalog['kinds']>;

const surroundings = {
  mains_out: {
    title: 'Umeme umekatika',
    raised: (s) => `umeme umekatika ${s.since}`,
    cleared: (s) => `umeme umerudi baada ya ${s.lasted}`,
    advice: 'Angalia swichi kuu na plagi, friji zibaki zimefungwa.',
  },
  door_open: {
    title: 'Mlango uko wazi',
    raised: (s) => `uko wazi ${s.since}`,
    cleared: (s) => `umefungwa baada ya ${s.lasted}`,
    advice: 'Funga mlango.',
  },
  low_battery: {
    title: 'Betri iko chini',
    raised: (s) => `betri iko chini (${s.value})`,
    cleared: () => 'betri ni nzuri tena',
    advice: 'Badilisha betri.',
  },
  clock: {
    title: 'Saa haijawekwa',
    raised: (s) => `saa haijawekwa ${s.since}`,
    cleared: () => 'saa imewekwa',
    advice: 'Unganisha intaneti mara moja. Tahadhari zinaendelea.',
  },
  calibration: {
    title: 'Kalibresheni inahitajika',
    raised: (s) =>
      `kalibresheni inahitajika ${Number(s.facts.days ?? 0) > 0 ? `baada ya siku ${s.facts.days}` : 'sasa'}`,
    cleared: () => 'kalibresheni imefanywa',
    advice: 'Peleka kihisi kikalibriwe au kibadilishwe.',
  },
  storage: {
    title: 'Hifadhi ina hitilafu',
    raised: (s) => `hifadhi ina hitilafu ${s.since}`,
    cleared: () => 'hifadhi inafanya kazi tena',
    advice: 'Mwite fundi abadilishe kadi. Tahadhari zinaendelea.',
  },
  not_started: {
    title: 'Haianzi',
    raised: (s) => `${s.facts.part ?? ''} haianzi ${s.since}`,
    cleared: (s) => `${s.facts.part ?? ''} imeanza baada ya ${s.lasted}`,
    advice: 'Angalia plagi yake au mwambie fundi.',
  },
  refused: {
    title: 'Rekodi imekataliwa',
    raised: (s) => `rekodi imekataliwa ${s.since}`,
    cleared: () => 'hakuna rekodi iliyokataliwa kwa saa moja',
    advice: 'Mwambie fundi. Tahadhari zinaendelea.',
  },
  gateway_silent: {
    title: 'Kifaa kimenyamaza',
    raised: (s) => `kimenyamaza ${s.since}`,
    cleared: (s) => `kimerudi baada ya ${s.lasted}`,
    advice: 'Angalia umeme na mtandao wa kifaa.',
  },
  other: {
    title: 'Tahadhari',
    raised: (s) => `tahadhari ${s.since}`,
    cleared: (s) => `imeisha baada ya ${s.lasted}`,
    advice: 'Nenda ukaangalie.',
  },
} satisfies Partial<Catalog['kinds']>;

const twoDigits = (n: number) => String(n).padStart(2, '0');

export const sw: Catalog = {
  kinds: { ...temperatures, ...measures, ...surroundings },
  units: { second: 'sekunde', minute: 'dakika', hour: 'saa', day: 'siku', before: true },
  decimal: '.',
  date: (day, month) => `${twoDigits(day)}/${twoDigits(month)}`,
  since: (lasted, clock) => (clock === undefined ? `kwa ${lasted}` : `tangu ${clock} (${lasted})`),
  of: (name, sentence) => `${name}: ${sentence}`,
  over: (what, at) => `IMEISHA ${at}: ${what}`,
  removed: (name, title) => `HAIFUATILIWI tena: ${name} (ilikuwa: ${title})`,
  reminder: 'BADO:',
  more: (count) => `na nyingine ${count}.`,
  replyAck: (code) => `Jibu ACK ${code}`,
  taken: ({ by, what, comment }) =>
    `${by === undefined ? 'Mtu aliye kituoni' : by} anashughulikia: ${what}${comment === undefined ? '' : ` "${comment}"`}`,
  acknowledged: (codes, by) => `${codes} imepokelewa na ${by}. Asante.`,
  unknownCode: (code) => `Hakuna tahadhari yenye namba ${code}. Jibu STATUS kuona zilizo wazi.`,
  help: 'Jibu ACK na namba ya tarakimu nne, au STATUS.',
  status: {
    noAlarm: 'Hakuna tahadhari.',
    alarms: (count) => `TAHADHARI ${count}:`,
    hasIt: (by) => (by === null ? 'imeonekana' : `${by} anashughulikia`),
    unheard: 'Bado hakuna kipimo:',
    more: (count) => `+${count} zaidi`,
  },
  test: 'SMS ya majaribio. Hakuna tahadhari.',
};
