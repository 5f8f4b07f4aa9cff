import type { Label } from './labels.js';
import type { Raised } from './score.js';

/** A series kept in bounded memory: the extremes of equal slices of time, which double as it grows. */
export class Outline {
  static readonly #SLICES = 1500;
  #sliceMs = 60_000;
  #slices = new Map<number, [number, number]>();

  push(atMs: number, milli: number): void {
    this.#add(Math.floor(atMs / this.#sliceMs), milli, milli);
    if (this.#slices.size <= Outline.#SLICES) return;
    const fine = this.#slices;
    this.#slices = new Map();
    this.#sliceMs *= 2;
    for (const [at, [low, high]] of fine) this.#add(Math.floor(at / 2), low, high);
  }

  #add(at: number, low: number, high: number): void {
    const slice = this.#slices.get(at);
    if (!slice) this.#slices.set(at, [low, high]);
    else {
      slice[0] = Math.min(slice[0], low);
      slice[1] = Math.max(slice[1], high);
    }
  }

  /** [time in ms, lowest, highest in °C] in the order of time. */
  points(): [number, number, number][] {
    return [...this.#slices]
      .sort(([a], [b]) => a - b)
      .map(([at, [low, high]]) => [at * this.#sliceMs, low / 1000, high / 1000]);
  }
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [1100, 220, 40, 20];

/** One sensor's history as SVG: its values, labelled events as bands, alarms as marks with their rule. */
export function chart(outline: Outline, labels: readonly Label[], raised: readonly Raised[]): string {
  const points = outline.points();
  if (points.length === 0) return '<p>No values.</p>';
  const [from, to] = [points[0]![0], points.at(-1)![0] + 1];
  // Single wild values would flatten all the rest.
  const sorted = points.map(([, low, high]) => (low + high) / 2).sort((a, b) => a - b);
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
  const [low, high] = [Math.min(at(0.002), 0) - 1, Math.max(at(0.998), 10) + 1];
  const x = (ms: number) => (LEFT + ((ms - from) / (to - from)) * (WIDTH - LEFT)).toFixed(1);
  const y = (celsius: number) => {
    const clipped = Math.min(high, Math.max(low, celsius));
    return ((HEIGHT - BOTTOM) * (1 - (clipped - low) / (high - low))).toFixed(1);
  };
  const bands = labels.map(
    (l) =>
      `<rect class="${l.benign ? 'benign' : 'fault'}" x="${x(Math.max(from, l.onsetMs))}" y="0" width="${Math.max(1, Number(x(Math.min(to, l.endMs))) - Number(x(Math.max(from, l.onsetMs))))}" height="${HEIGHT - BOTTOM}"><title>${escapeHtml(l.kind)}</title></rect>`,
  );
  const area = [
    ...points.map(([t, , h]) => `${x(t)},${y(h)}`),
    ...points.reverse().map(([t, l]) => `${x(t)},${y(l)}`),
  ];
  const ticks = [2, 8].map(
    (c) =>
      `<line class="limit" x1="${LEFT}" x2="${WIDTH}" y1="${y(c)}" y2="${y(c)}"/><text x="2" y="${y(c)}">${c} °C</text>`,
  );
  const dates = Array.from({ length: 6 }, (_, i) => from + ((to - from) * i) / 6).map(
    (ms) =>
      `<text x="${x(ms)}" y="${HEIGHT - 4}">${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')}</text>`,
  );
  const marks = raised.map(
    (a) =>
      `<line class="alarm" x1="${x(a.atMs)}" x2="${x(a.atMs)}" y1="0" y2="${HEIGHT - BOTTOM}"><title>${escapeHtml(a.rule)} ${new Date(a.atMs).toISOString()}</title></line>`,
  );
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}">${bands.join('')}${ticks.join('')}${dates.join('')}<polygon points="${area.join(' ')}"/>${marks.join('')}</svg>`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
