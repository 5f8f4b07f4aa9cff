import type { ResolvedSite } from './resolve.js';

/** What is known of what runs, or ran until now. */
export interface Former {
  folder: string | undefined;
  /** Rows that the relay does not hold yet; null: this gateway works alone. */
  unsent: number | null;
  watched: readonly string[];
  open: readonly { sensor: string; alert_type: string }[];
}

/** What a new site file leaves behind of the one before: alerts that nobody watches any more, rows in another folder. */
export function leftBehind(former: Former, { config, sensors }: ResolvedSite): string[] {
  const ids = new Set([...sensors, ...config.contacts].map(({ id }) => id));
  const gone = former.watched.filter((id) => !ids.has(id));
  const notes = gone.map((id) => {
    const alerts = former.open.filter(({ sensor }) => sensor === id).map(({ alert_type }) => alert_type);
    const open = alerts.length > 0 ? `; what is open of it is closed (${alerts.join(', ')})` : '';
    return `${id} is not watched any more${open}`;
  });
  if (former.folder !== undefined && former.folder !== config.data) {
    const rows =
      former.unsent === null ? 'what is stored' : `${former.unsent} rows that the relay does not hold`;
    notes.push(
      `${rows} and what was learned stay in ${former.folder}: start once with data: ${former.folder} until all is sent, or move ring.db to ${config.data} while the agent is stopped`,
    );
  }
  return notes;
}
