/** The streams of a ring; each numbers its rows 1, 2, 3… without a gap. `summaries` are what thinned readings left. */
export const STREAMS = ['readings', 'events', 'summaries'] as const;
/** Which of a ring’s three numbered streams. */
export type Stream = (typeof STREAMS)[number];

export function forStreams<T>(make: (stream: Stream) => T): Record<Stream, T> {
  return { readings: make('readings'), events: make('events'), summaries: make('summaries') };
}
