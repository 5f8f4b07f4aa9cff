import { ALERT_TYPES, type AlertType, SEVERITIES, type Severity } from '../../core/contract/messages.js';
import { sleeps } from '../../core/detect/asleep.js';
import { smoothed } from '../../core/detect/cadence.js';
import { BEHAVIOUR_ALERTS } from '../../core/detect/latches.js';
import type { Rule } from '../../core/detect/rules.js';
import { isTexted, type PolicyConfig, stepsOf } from '../../core/policy/local.js';
import { catalogOf } from '../../core/text/sentence.js';
import { showDuration } from '../../core/text/times.js';
import { alarmSensors } from './alarm-sensors.js';
import type { ResolvedSite } from './resolve.js';

/** Who learns at the clinic of one type of alert that this site can raise. */
export interface Told {
  alert: AlertType;
  severity: Severity;
  buzzer: 'sounds' | 'chirps' | null;
  /** Whom it is texted to and when; null: nobody. */
  texts: string | null;
}

/** What a gateway may find of itself and of any probe, whatever the site file says. */
const ANYWHERE: readonly (readonly [AlertType, Severity])[] = [
  ['storage', 'critical'],
  ['sensor_fault', 'warning'],
];

/** Every type of alert that this site can raise, the worst first, and who is told of it. */
export function toldOf(site: ResolvedSite): Told[] {
  const { config, sensors } = site;
  const found = new Set<string>(ANYWHERE.map(([alert, severity]) => `${alert} ${severity}`));
  for (const { rules } of alarmSensors(site)) {
    for (const rule of rules) for (const alert of alertsOf(rule)) found.add(`${alert} ${rule.severity}`);
  }
  if (sensors.some(({ calibration }) => calibration?.due !== undefined)) {
    found.add('calibration warning').add('calibration info');
  }
  const worstFirst = [...SEVERITIES].reverse();
  return worstFirst.flatMap((severity) =>
    ALERT_TYPES.filter((alert) => found.has(`${alert} ${severity}`)).map((alert) =>
      toldOfOne(site, config.alarm, alert, severity),
    ),
  );
}

function alertsOf(rule: Rule): readonly AlertType[] {
  if (rule.kind === 'sensor_fault') return ['sensor_fault', 'communication_lost'];
  return [rule.kind === 'behaviour' ? BEHAVIOUR_ALERTS[rule.what] : rule.alert];
}

function toldOfOne(
  { config }: ResolvedSite,
  policy: PolicyConfig,
  alert: AlertType,
  severity: Severity,
): Told {
  const loud = config.lines.buzzer !== undefined && policy.buzzer.includes(severity);
  const texted = isTexted(policy, { severity, alert_type: alert });
  return {
    alert,
    severity,
    buzzer: loud ? (severity === 'critical' ? 'sounds' : 'chirps') : null,
    texts: texted ? chain(config, severity) : null,
  };
}

function chain({ alarm, people }: ResolvedSite['config'], severity: Severity): string {
  const names = new Map(people.map(({ id, name }) => [id, name]));
  const steps = stepsOf(alarm, severity).map(({ to, after }) => {
    const who = to.map((id) => names.get(id) ?? id).join(' and ');
    return `${who} ${after > 0 ? `after ${time(after)}` : 'at once'}`;
  });
  const every = alarm.escalate.includes(severity) ? alarm.repeat : alarm.repeat_others;
  const again = alarm.repeats > 0 ? `, again each ${time(every)}` : '';
  return `${steps.join(', ')}${again}`;
}

const time = (ms: number) => showDuration(ms, catalogOf('en').units);

/** The table as `check` prints it. */
export function toldLines(told: readonly Told[]): string[] {
  const rows = told.map(({ alert, severity, buzzer, texts }) => [
    alert,
    severity,
    buzzer === null ? '-' : `buzzer ${buzzer}`,
    texts === null ? 'nobody is texted' : `texts ${texts}`,
  ]);
  const widths = [0, 1, 2].map((i) => Math.max(0, ...rows.map((row) => row[i]!.length)));
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`);
}

/** What reaches nobody at the clinic but who looks at the page; what is for the record alone is not meant to. */
export function toldToNobody(told: readonly Told[]): string[] {
  const unheard = told.filter(({ severity, buzzer, texts }) => severity !== 'info' && !buzzer && !texts);
  return [...new Set(unheard.map(({ alert }) => alert))];
}

/** What a site's sensors report too seldom for. */
export function seldomNotes({ sensors }: ResolvedSite): string[] {
  return sensors.flatMap(({ name, every, device, allRules, median_of_three }) => {
    const cadence = every ?? device?.every;
    if (cadence === undefined) return [];
    const asleep = allRules.filter((rule) => sleeps(rule, cadence)).map((rule) => rule.name);
    const says = `${name} reports each ${time(cadence)}`;
    return [
      ...(asleep.length > 0 ? [`${says}, too seldom for ${asleep.join(', ')}: they sleep`] : []),
      ...(median_of_three && !smoothed(cadence)
        ? [`${says}: median_of_three makes each alarm one report later`]
        : []),
    ];
  });
}
