import { z } from 'zod';

export const w1SourceSchema = z
  .strictObject({
    kind: z.literal('w1'),
    rom: z
      .string()
      .regex(/^[0-9a-f]{2}-[0-9a-f]{12}$/, 'expected a 1-wire id such as "28-0316a2795c3f"')
      .describe('its 1-wire id, such as `28-0316a2795c3f`: the name of its folder'),
  })
  .describe('A 1-wire probe, through the kernel');

export const w1ModelSchema = z
  .strictObject({ transport: z.literal('w1') })
  .describe('The kernel’s w1_slave file, which is always the same');
