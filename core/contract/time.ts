import { z } from 'zod';

/** A time in a record: ms since 1970, UTC. Avro knows it for a time by the logical type. */
export const epochMs = z.int().meta({ logicalType: 'timestamp-millis' });
