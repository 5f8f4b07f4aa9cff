/**
 * One line of the doctor's report. `detail` says what was seen, or what to do. `waiting`: it reports seldom, and has had
 * no chance yet.
 */
export interface Check {
  what: string;
  result: 'pass' | 'fail' | 'waiting' | 'skipped';
  detail: string;
}

export const pass = (what: string, detail: string): Check => ({ what, result: 'pass', detail });
export const fail = (what: string, detail: string): Check => ({ what, result: 'fail', detail });
export const skipped = (what: string, detail: string): Check => ({ what, result: 'skipped', detail });
export const waiting = (what: string, detail: string): Check => ({ what, result: 'waiting', detail });
