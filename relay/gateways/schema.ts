import { z } from 'zod';
import { idSchema } from '../../core/identity.js';
import type { Problem } from '../../core/schema.js';
import { isReserved } from '../log/reserved.js';
import { tokenSchema } from '../web/schema.js';

/** Of older files: a token each, and the clinic is the one that the gateway first spoke of. */
export const tokensSchema = z.record(idSchema, tokenSchema);

/** Who may send, and for which clinic. */
export const gatewaysSchema = z.record(
  idSchema,
  z.strictObject({
    clinic: idSchema.describe('the only one that it may write for'),
    token: tokenSchema
      .optional()
      .describe('bearer token; absent: its certificate (http.tls.client_ca, enrol)'),
  }),
);

export interface GatewaysConfig {
  gateways?: z.output<typeof gatewaysSchema> | undefined;
  tokens?: z.output<typeof tokensSchema> | undefined;
  http: { tls?: { client_ca?: string | undefined } | undefined };
  enrol?: object | undefined;
  mqtt: readonly { name: string }[];
}

/** What the fields say together. */
export function checkGateways(
  { gateways, tokens, http, enrol, mqtt }: GatewaysConfig,
  context: z.RefinementCtx,
): void {
  const issue = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path, message });
  if (enrol && !http.tls)
    issue(['http', 'tls'], 'expected cert and key: gateways enrol over TLS (coldwatch relay ca server)');
  for (const [field, ids] of Object.entries({ gateways, tokens })) {
    for (const id of Object.keys(ids ?? {}))
      if (isReserved(id, mqtt))
        issue([field, id], 'expected another name: the relay writes under this one itself');
  }
  for (const [id, { token }] of Object.entries(gateways ?? {})) {
    if (tokens && Object.hasOwn(tokens, id))
      issue(['tokens', id], 'expected it once: it stands below `gateways` too');
    else if (token === undefined && http.tls?.client_ca === undefined && !enrol)
      issue(['gateways', id], 'expected `token`, as neither http.tls.client_ca nor enrol certifies gateways');
  }
}

/** Two gateways with one token work, and each may send as the other. */
export function sharedTokens({ gateways, tokens }: Pick<GatewaysConfig, 'gateways' | 'tokens'>): Problem[] {
  const all = [
    ...Object.entries(gateways ?? {}).map(([id, { token }]) => ({ id, token, path: `gateways.${id}.token` })),
    ...Object.entries(tokens ?? {}).map(([id, token]) => ({ id, token, path: `tokens.${id}` })),
  ];
  const owners = new Map<string, string>();
  return all.flatMap(({ id, token, path }) => {
    const other = token === undefined ? undefined : owners.get(token);
    if (token !== undefined && other === undefined) owners.set(token, id);
    if (other === undefined) return [];
    const expected = 'one of its own: who has it may send as either';
    return [{ path, got: `the token of "${other}"`, expected, level: 'warning' as const }];
  });
}
