import type { Catalog, Said, Words } from './catalog.js';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const worst = (s: Said) => (s.worst === undefined ? '' : `, worst ${s.worst}`);
const now = (s: Said) => (s.now === undefined ? '' : `, now ${s.now}`);
const detail = (s: Said, fact: string) => (s.full && s.facts[fact] ? ` (${s.facts[fact]})` : '');

const beyond: Pick<Words, 'raised' | 'cleared'> = {
  raised: (s) =>
    `${s.value}, ${s.side} ${s.limit} ${s.since}${s.full && s.facts.stays ? ' and not coming back' : ''}${worst(s)}`,
  cleared: (s) => `was ${s.side} ${s.limit} for ${s.lasted}${worst(s)}${now(s)}`,
};

const settled = (s: Said) => `as usual again after ${s.lasted}${now(s)}`;

const heading = (way: string): Pick<Words, 'raised' | 'cleared'> => ({
  raised: (s) => {
    const { earliest, latest, going } = s.facts;
    const how = s.full && going !== undefined ? ` for ${going} min, longer than any cycle` : '';
    if (earliest === undefined) return `${s.value} and ${way}${how}`;
    return latest === null
      ? `${s.value} and ${way}${how}: reaches ${s.limit} in ${earliest} min or later${s.full ? ', or levels off before' : ''}`
      : `${s.value} and ${way}${how}: reaches ${s.limit} in about ${earliest} to ${latest} min`;
  },
  cleared: settled,
});

const usual: Pick<Words, 'raised' | 'cleared'> = {
  raised: (s) => `${s.value}, for 50 min ${s.side} the ${s.limit} that it usually keeps`,
  cleared: settled,
};

const SHAPES: Record<string, string> = {
  rate: 'moved by',
  rising: 'rising steadily, by',
  spike_then_drop: 'up and down again by',
};

function unlike({ facts, celsius, value, limit }: Said): string {
  const scored = `(${value}, ${limit} is the bound)`;
  if (facts.how === 'zscore') return `far from the last ${facts.minutes} min ${scored}`;
  if (facts.how === 'forest') return `unlike what it was trained on ${scored}`;
  const range = `${celsius(Number(facts.low))} to ${celsius(Number(facts.high))}`;
  return `beyond nearly all hours of the last ${facts.days} days, ${range} ${scored}`;
}

const believed = (s: Said) => `good readings again after ${s.lasted}`;
const goods = 'Mark its vaccine DO NOT USE, ask your supervisor.';
const frozenGoods = 'Keep apart what may have frozen; do a shake test.';

const temperatures = {
  too_warm: {
    title: 'Too warm',
    ...beyond,
    advice: 'Check door and power; move vaccine if it stays warm.',
    after: goods,
  },
  too_cold: {
    title: 'Too cold',
    ...beyond,
    advice: 'Keep vaccine off the cold plate, set it warmer.',
    after: goods,
  },
  freezing: {
    title: 'Freezing',
    ...beyond,
    advice: 'Take vaccine out now; keep apart what may be frozen.',
    after: frozenGoods,
  },
  freezer_warm: {
    title: 'Freezer too warm',
    ...beyond,
    advice: 'Check door and power; move vaccine to another freezer.',
    after: goods,
  },
  freezer_cold: { title: 'Freezer too cold', ...beyond, advice: 'Set it warmer.', after: goods },
  room_warm: {
    title: 'Room too warm',
    ...beyond,
    advice: 'Cool the room, or move the goods.',
    after: 'Ask your supervisor before its goods are used.',
  },
  room_cold: {
    title: 'Room too cold',
    ...beyond,
    advice: 'Warm the room, or move the goods.',
    after: 'Ask your supervisor before its goods are used.',
  },
  out_of_limits: { title: 'Out of limits', ...beyond, advice: 'Look at the place and its setting.' },
  heading_warm: {
    title: 'Getting warm',
    ...heading('rising'),
    advice: 'Check door, power and setting now.',
  },
  heading_cold: {
    title: 'Getting cold',
    ...heading('falling'),
    advice: 'Set it warmer; keep vaccine off the cold plate.',
  },
  above_usual: {
    title: 'Warmer than usual',
    ...usual,
    advice: 'Check door, setting and that air can pass.',
  },
  below_usual: { title: 'Colder than usual', ...usual, advice: 'Check its setting.' },
} satisfies Partial<Catalog['kinds']>;

const measures = {
  compressor: {
    title: 'Cooling weaker',
    raised: (s) => `compressor runs ${s.facts.share ?? '?'} % more than usual; it may be losing refrigerant`,
    cleared: (s) => `compressor runs as usual again after ${s.lasted}`,
    advice: 'Have it looked at this week.',
  },
  moving: {
    title: 'Moving fast',
    raised: (s) =>
      `${s.now ?? ''} ${SHAPES[s.facts.shape ?? ''] ?? 'moved by'} ${s.value} within ${s.facts.seconds} s`.trim(),
    cleared: settled,
    advice: 'Check door and probe.',
  },
  unusual: {
    title: 'Unusual',
    raised: (s) => `${s.now ?? '?'}, unusual ${s.since}${s.full ? `: ${unlike(s)}` : ''}`,
    cleared: settled,
    advice: 'Have a look at it.',
  },
  mkt: {
    title: 'Mean kinetic temperature',
    raised: (s) => `mean temperature (MKT) of ${s.facts.hours} h is ${s.value}, above ${s.limit}`,
    cleared: (s) => `mean temperature (MKT) is ${s.value} again, limit ${s.limit}`,
    advice: 'Keep goods cold; ask your supervisor before use.',
    after: 'Ask your supervisor before its goods are used.',
  },
  vials: {
    title: 'Vial monitors used up',
    raised: (s) => `vial monitors (VVM${s.facts.monitor}) are ${s.value} used, mark ${s.limit}`,
    cleared: (s) => `new goods: vial monitors are ${s.value} used`,
    advice: 'Look at the vial monitors before use.',
  },
  budget: {
    title: 'Time out of range used up',
    raised: (s) =>
      `${s.full ? `${s.facts.product}: ` : ''}${s.value} out of range, ${s.limit} allowed${detail(s, 'source')}${s.full && s.facts.spoilt !== undefined ? `, at once by ${s.celsius(Number(s.facts.spoilt))}` : ''}`,
    cleared: (s) => `new goods: ${s.value} out of range`,
    advice: 'Do not use these goods, ask your supervisor.',
  },
  probe_faulty: {
    title: 'Probe faulty',
    raised: (s) => `probe is faulty ${s.since}${detail(s, 'reason')}`,
    cleared: believed,
    advice: 'Check probe and cable; read a thermometer by hand.',
  },
  probe_frozen: {
    title: 'Probe stuck',
    raised: (s) => `probe says exactly ${s.value} ${s.since}, it may be stuck`,
    cleared: believed,
    advice: 'Read a thermometer by hand, change the probe.',
  },
  probe_jumps: {
    title: 'Probe jumps',
    raised: (s) =>
      s.facts.jitter === undefined
        ? `probe jumps ${s.since}`
        : `probe jumps by ${s.celsius(Number(s.facts.jitter))} from one value to the next`,
    cleared: believed,
    advice: "Check the probe's plug and cable.",
  },
  probe_swapped: {
    title: 'Other probe',
    raised: (s) =>
      s.full
        ? `now measured by probe ${s.facts.device}${s.facts.formerly ? `, which was the probe of ${s.facts.formerly}` : ''}, not by ${s.facts.expected}`
        : `measured by another probe ${s.since}`,
    cleared: (s) => `measured by its own probe again after ${s.lasted}`,
    advice: 'Put the probes back, or tell your technician.',
  },
  silent: {
    title: 'No readings',
    raised: (s) => `no readings ${s.since}`,
    cleared: (s) => `readings again after ${s.lasted}`,
    advice: "Check the sensor's power; read a thermometer by hand.",
  },
} satisfies Partial<Catalog['kinds']>;

const surroundings = {
  mains_out: {
    title: 'Power out',
    raised: (s) => `power is out ${s.since}`,
    cleared: (s) => `power is back after ${s.lasted}`,
    advice: 'Check breaker and plug, keep fridges shut.',
  },
  door_open: {
    title: 'Door open',
    raised: (s) => `open ${s.since}`,
    cleared: (s) => `shut again after ${s.lasted}`,
    advice: 'Shut the door.',
  },
  low_battery: {
    title: 'Battery low',
    raised: (s) => `battery is low (${s.value})`,
    cleared: () => 'battery is good again',
    advice: 'Change the battery.',
  },
  clock: {
    title: 'Clock not set',
    raised: (s) => `clock is not set ${s.since}`,
    cleared: () => 'clock is set',
    advice: 'Connect the internet once. Alarms go on.',
  },
  calibration: {
    title: 'Calibration due',
    raised: (s) => {
      const days = Number(s.facts.days ?? 0);
      const when = days > 0 ? `in ${days} days` : 'now';
      return `calibration${detail(s, 'certificate')} is due ${when}${s.full && s.facts.due ? `, on ${s.facts.due}` : ''}`;
    },
    cleared: (s) => `calibration${detail(s, 'certificate')} is not due any more`,
    advice: 'Have the probe calibrated or exchanged.',
  },
  storage: {
    title: 'Storage failing',
    raised: (s) => `storage is failing ${s.since}${detail(s, 'detail')}`,
    cleared: () => 'storage works again',
    advice: 'Call your technician, the card must be changed. Alarms go on.',
  },
  not_started: {
    title: 'Does not start',
    raised: (s) =>
      `${s.facts.part ?? 'a part'} does not start ${s.since}${s.full && s.facts.why ? `: ${s.facts.why}` : ''}`,
    cleared: (s) => `${s.facts.part ?? 'it'} has started after ${s.lasted}`,
    advice: 'Check its plug, or tell your technician.',
  },
  refused: {
    title: 'Record refused',
    raised: (s) => `a record was refused ${s.since}${detail(s, 'why')}`,
    cleared: () => 'no record refused for an hour',
    advice: 'Tell your technician. Alarms go on.',
  },
  gateway_silent: {
    title: 'Gateway silent',
    raised: (s) => `is silent ${s.since}`,
    cleared: (s) => `is back after ${s.lasted}`,
    advice: "Check the gateway's power and network.",
  },
  other: {
    title: 'Alert',
    raised: (s) => `alert ${s.since}`,
    cleared: (s) => `over after ${s.lasted}`,
    advice: 'Have a look at it.',
  },
} satisfies Partial<Catalog['kinds']>;

export const en: Catalog = {
  kinds: { ...temperatures, ...measures, ...surroundings },
  units: { second: 's', minute: 'min', hour: 'h', day: 'd' },
  decimal: '.',
  date: (day, month) => `${day} ${MONTHS[month - 1]}`,
  since: (lasted, clock) => (clock === undefined ? `for ${lasted}` : `since ${clock} (${lasted})`),
  of: (name, sentence) => `${name} ${sentence}`,
  over: (what, at) => `OVER at ${at}: ${what}`,
  removed: (name, title) => `NOT WATCHED any more: ${name} (was: ${title})`,
  reminder: 'STILL ON:',
  more: (count) => `and ${count} more.`,
  replyAck: (code) => `Reply ACK ${code}`,
  taken: ({ by, what, comment }) =>
    `${by === undefined ? 'Someone at the gateway' : by} sees to it: ${what}${comment === undefined ? '' : ` "${comment}"`}`,
  acknowledged: (codes, by) => `${codes} acknowledged by ${by}. Thank you.`,
  unknownCode: (code) => `No open alarm has the code ${code}. Reply STATUS to see what is open.`,
  help: 'Reply ACK and the four-digit code, or STATUS.',
  status: {
    noAlarm: 'No alarm.',
    alarms: (count) => (count === 1 ? '1 ALARM:' : `${count} ALARMS:`),
    hasIt: (by) => (by === null ? 'seen' : `${by} has it`),
    unheard: 'Nothing heard yet:',
    more: (count) => `+${count} more`,
  },
  test: 'test text. No alarm.',
};
