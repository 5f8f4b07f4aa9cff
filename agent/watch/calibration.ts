import { type Clock, every, type Timer } from '../../core/clock/clock.js';
import type { Condition } from '../alarm/alert.js';
import { CALIBRATION_STAGES, type Calibration, calibrationStage } from '../ingest/calibration.js';

const LOOK_MS = 3_600_000;

interface Calibrated {
  id: string;
  calibration?: Calibration | undefined;
}

/** Says three months, one month and on the day itself that a probe's certificate ends; over when a new one is entered. */
export function watchCalibration(
  sensors: readonly Calibrated[],
  clock: Clock,
  condition: (condition: Condition) => void,
): Timer {
  const look = () => {
    // A clock that is not set would call every certificate good, or every one overdue.
    if (!clock.synchronised()) return;
    for (const sensor of sensors) for (const stage of stagesOf(sensor, clock.wall())) condition(stage);
  };
  look();
  return every(clock, LOOK_MS, look);
}

function stagesOf({ id, calibration }: Calibrated, wallMs: number): Condition[] {
  const { due, certificate } = calibration ?? {};
  const reached = due === undefined ? undefined : calibrationStage(due, wallMs);
  const facts = certificate === undefined ? {} : { certificate: `certificate ${certificate}` };
  return CALIBRATION_STAGES.map(({ rule, severity }) => {
    const active = reached?.rule === rule;
    const when = active && due !== undefined ? { days: reached.daysLeft, due } : {};
    return { type: 'calibration', rule, sensor: id, severity, active, facts: { ...facts, ...when } };
  });
}
