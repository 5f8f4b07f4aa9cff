import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** One line of the bench: a value, and a reference measured in the same run on the same machine. */
export interface Figure {
  name: string;
  value: number;
  unit: string;
  reference: string | null;
  reference_value: number | null;
  ratio: number | null;
}

export function figure(
  name: string,
  value: number,
  unit: string,
  reference?: { name: string; value: number },
): Figure {
  return {
    name,
    value: round(value),
    unit,
    reference: reference?.name ?? null,
    reference_value: reference ? round(reference.value) : null,
    ratio: reference ? round(value / reference.value) : null,
  };
}

const round = (value: number) => Number(value.toPrecision(4));

/** Resident memory of a process in MB. */
export function rssMb(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8')
    .split('\n')
    .find((l) => l.startsWith('VmRSS'));
  return Number(/\d+/.exec(line ?? '')?.[0]) / 1024;
}

/** CPU seconds of a process and its threads so far. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (
    (Number(fields[11]) + Number(fields[12])) /
    Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  );
}

/** Bytes that a process made the kernel write to devices. */
export function writtenBytes(pid: number): number {
  const line = readFileSync(`/proc/${pid}/io`, 'utf8')
    .split('\n')
    .find((l) => l.startsWith('write_bytes'));
  return Number(/\d+/.exec(line ?? '')?.[0]);
}
