import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { deviceConfigs, openLibrary } from '../../agent/site/library.js';
import { ALERT_TYPES, type AlertType, GAP_REASONS } from '../../core/contract/messages.js';
import { ruleSchema } from '../../core/detect/rules.js';
import { REASONS, type Reason } from '../../core/quality.js';
import { KINDS } from '../../core/text/kinds.js';
import { catalogOf } from '../../core/text/sentence.js';
import { describe } from './fields.js';
import { table, variantText } from './markdown.js';

const TYPES: Record<AlertType, string> = {
  excursion: 'A value stands where it must not, for as long as its rule allows. The goods are in danger.',
  pre_alarm: 'A warning ahead of the limit, or something unusual. The goods are still well.',
  sensor_fault: 'A probe whose readings are not believed: faulty, frozen, jumping, exchanged.',
  communication_lost: 'A sensor is silent, or a part of the agent has not started.',
  mains_lost: 'The mains contact says that there is no power.',
  door_open: 'The door contact says that a door stands open.',
  low_battery: 'A sensor’s battery is low.',
  clock: 'The gateway’s clock is not set.',
  calibration: 'A certificate is due in 90 days, in 30 days, or now.',
  storage: 'The card fails, or what it kept is damaged.',
  gateway_silent: 'Nothing of a gateway arrives at the relay.',
  kpi: 'Anything else that a stream or another program alarms for, such as stock that is low.',
};

const WHY: Record<Reason, string> = {
  power_on_value: 'What the probe shows before it has measured (85 °C of a DS18B20).',
  sentinel: 'A number by which the device says that it has no value.',
  out_of_range: 'Beyond what the device can measure.',
  insufficient_power: 'The probe has too little power to measure.',
  simulated: 'The network server says that the message is a simulated one.',
  too_fast: 'A leap that no true value makes. It counts once the next reading bears it out.',
  stuck: 'The very same value for too long.',
  other_device: 'Another probe than the one that belongs here.',
  device_time: 'The device’s own time cannot be true. The reading is dated by its arrival.',
};

const GAPS: Record<(typeof GAP_REASONS)[number], string> = {
  thinned: 'The ring was full: these readings are in `iot.summary`, a quarter of an hour each.',
  overwritten: 'There was room for no more: these are gone.',
  'power-off': 'The gateway was off.',
  'not-sampled': 'The agent was stopped in order.',
  'not-kept': 'The agent was killed. What it measured last may not be on the card.',
  corrupt: 'The card changed what was written.',
  refused: 'The relay will never take these rows. They stay in the ring.',
};

const rowsOf = <K extends string>(texts: Record<K, string>, order: readonly K[]) =>
  order.map((name) => [`\`${name}\``, texts[name]]);

export function alertBlocks(): Map<string, string> {
  return new Map([
    ['types', table(['Type', 'What it means'], rowsOf(TYPES, ALERT_TYPES))],
    ['kinds', kindsTable()],
    [
      'rules',
      describe(ruleSchema)
        .variants.map((rule) => variantText(rule, '###'))
        .join('\n\n'),
    ],
    [
      'reasons',
      table(
        ['Reason', 'What it means'],
        rowsOf(
          WHY,
          REASONS.filter((reason) => reason !== ''),
        ),
      ),
    ],
    ['gaps', table(['Reason', 'What became of the readings'], rowsOf(GAPS, GAP_REASONS))],
  ]);
}

/** What a person is told to do first, in English; all the words are in texts.md. */
function kindsTable(): string {
  const { kinds } = catalogOf('en');
  return table(
    ['What it says', 'What to do first', 'Once it is over'],
    KINDS.map((kind) => [kinds[kind].title, kinds[kind].advice, kinds[kind].after ?? '']),
  );
}

/** Each preset with whose rules it has, and what they say. */
export function presetsText(): string {
  const { library } = openLibrary(deviceConfigs());
  return [...library.presets.keys()].map((name) => presetText(name, library.presets.get(name)!)).join('\n\n');
}

function presetText(name: string, { name: title, source, purpose, rules }: Preset): string {
  const written = parse(readFileSync(join(deviceConfigs(), 'presets', `${name}.yaml`), 'utf8')) as Written;
  const rows = written.rules.map(({ name: rule, kind, severity: _, ...rest }, i) => [
    `\`${rule}\``,
    kind,
    Object.entries(rest)
      .map(([key, value]) => `${key} ${String(value)}`)
      .join(', '),
    rules[i]!.severity,
  ]);
  return [
    `### ${name}`,
    `${title}. For: \`${purpose}\`. ${source.replace(/\.?$/, '.')}`,
    table(['Rule', 'Kind', 'Settings', 'Severity'], rows),
  ].join('\n\n');
}

interface Preset {
  name: string;
  source: string;
  purpose: string;
  rules: readonly { severity: string }[];
}
interface Written {
  rules: ({ name: string; kind: string } & Record<string, unknown>)[];
}
