import type { Regions } from '../schema.js';

/** In which region a clinic lies, and how many clinics that has. */
export const placesOf = (regions: Regions) =>
  new Map(
    Object.entries(regions).flatMap(([region, { clinics }]) =>
      clinics.map((clinic) => [clinic, { region, clinics: clinics.length }] as const),
    ),
  );
