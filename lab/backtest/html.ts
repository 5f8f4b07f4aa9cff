import { chart, escapeHtml, type Outline } from './chart.js';
import type { Label } from './labels.js';
import type { Raised } from './score.js';

const STYLE = `body{font:15px system-ui,sans-serif;max-width:1140px;margin:2em auto;padding:0 1em}
table{border-collapse:collapse}td,th{padding:.2em .7em;border:1px solid #ccc;text-align:left;vertical-align:top}
svg{width:100%;font-size:11px}polygon{fill:#246;stroke:#246;stroke-width:.7}
.fault{fill:#f003}.benign{fill:#0802}.limit{stroke:#999;stroke-dasharray:4}.alarm{stroke:#c00;stroke-width:1.5}`;

/** Alarms listed of each sensor; the file given by --alerts has all. */
const LISTED = 100;

/** A report that a browser shows without a network: figures, then a chart and the alarms of each sensor. */
export function htmlReport(
  title: string,
  figures: object,
  outlines: ReadonlyMap<string, Outline>,
  labels: readonly Label[],
  raised: readonly Raised[],
): string {
  const rows = (value: object): string =>
    `<table>${Object.entries(value)
      .map(([key, v]) => `<tr><th>${escapeHtml(key.replaceAll('_', ' '))}</th><td>${cell(v)}</td></tr>`)
      .join('')}</table>`;
  const cell = (value: unknown): string =>
    value !== null && typeof value === 'object' ? rows(value) : escapeHtml(String(value ?? '–'));
  const sections = [...outlines].map(([sensor, outline]) => {
    const own = raised.filter((a) => a.sensor === sensor);
    const events = labels.filter((l) => l.sensor === sensor);
    const list = own
      .slice(0, LISTED)
      .map((a) => `<li>${new Date(a.atMs).toISOString()} ${escapeHtml(a.summary)}</li>`)
      .join('');
    const more = own.length > LISTED ? `<p>and ${own.length - LISTED} more.</p>` : '';
    return `<h2>${escapeHtml(sensor)}</h2>${chart(outline, events, own)}<ul>${list}</ul>${more}`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title><style>${STYLE}</style>
<h1>${escapeHtml(title)}</h1><p>Red bands are labelled faults, green ones harmless events, red lines alarms.</p>
${rows(figures)}${sections.join('\n')}</html>\n`;
}
