/** Between which values a channel is where it should be, in thousandths; null: no limit on that side. */
export type AllowedRange = readonly [low: number | null, high: number | null];
