/** The streams of a ring; each numbers its rows 1, 2, 3… without a gap. `summaries` are what thinned readings left. */
export const STREAMS = ['readings', 'events', 'summaries'] as const;
export type Stream = (typeof STREAMS)[number];
