import { z } from 'zod';
import { BATCH_ROWS_MAX } from '../../core/contract/batch.js';
import { claimTokenSchema } from '../../core/contract/enrolment.js';
import { SEND_EVERY_MS } from '../../core/pace.js';
import { duration } from '../../core/schema.js';

export const forwardConfigSchema = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }).describe('of the relay'),
    token: z
      .string()
      .min(16)
      .optional()
      .describe('bearer token; never written here but named as a credential'),
    claim: claimTokenSchema
      .optional()
      .describe(
        'claim token (coldwatch relay gateways invite): this gateway makes a key and gets its certificate for it',
      ),
    tls: z
      .strictObject({
        ca: z.string().optional().describe('who certifies the relay; absent: the system’s authorities'),
        cert: z.string().optional().describe('this gateway’s certificate'),
        key: z.string().optional().describe('its key'),
      })
      .optional()
      .describe('PEM files: the relay’s authority, this gateway’s certificate and key'),
    link: z
      .enum(['metered', 'unmetered'])
      .default('metered')
      .describe(
        'metered: bytes cost money, and readings wait for company; unmetered: they go within a second',
      ),
    every: duration
      .optional()
      .describe('how long fresh readings wait for company; absent: 10 s on a metered link, 200 ms else'),
    batch: z.int().min(1).max(BATCH_ROWS_MAX).default(2000).describe('rows of one request at the most'),
    backlog_kb_per_s: z
      .number()
      .min(0.1)
      .max(100_000)
      .default(64)
      .describe('compressed kilobytes a second that a backlog may take; live readings go between'),
    deadline: duration.default(30_000).describe('for one request, from connecting to the whole answer'),
    backoff_max: duration
      .default(10_000)
      .describe(
        'longest pause before a relay that refuses this gateway is asked again; one that does not answer is tried each 9 s at least, for ever',
      ),
  })
  .refine(({ claim, url }) => claim === undefined || url.startsWith('https:'), {
    path: ['claim'],
    message: 'expected an address that begins with https:// beside it: a gateway enrols over TLS',
  });
export type ForwardConfig = z.output<typeof forwardConfigSchema>;

const EVERY_MS = { metered: SEND_EVERY_MS, unmetered: 200 };
/** A reading that may go at once waits no longer than this for others to be written with. */
const UNMETERED_WRITE_MS = 500;

export const everyMs = ({ every, link }: ForwardConfig): number => every ?? EVERY_MS[link];

/** The longest that a reading may wait for the card; absent: as long as the card's wear wants. */
export function writeWithinMs(config: ForwardConfig | undefined): number | undefined {
  return config?.link === 'unmetered' ? UNMETERED_WRITE_MS : undefined;
}
