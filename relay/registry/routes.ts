import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { abortAfter, type Clock } from '../../core/clock/clock.js';
import { messageOf } from '../../core/errors.js';
import { parseJson } from '../../core/payload.js';
import { sameSecret } from '../../host/secret.js';
import { Elsewhere } from '../log/port.js';
import type { Porter } from '../web/guard.js';
import type { Tries } from '../web/tries.js';
import type { Registry } from './kept.js';
import { RegistryError } from './registry.js';
import type { RegistryAccess } from './schema.js';

/*
 * The part of the Confluent Schema Registry's API (https://docs.confluent.io/platform/current/schema-registry/develop/api.html)
 * that kafkajs's client and Flink's `avro-confluent` use, below /registry. What it does not do: JSON Schema and Protobuf,
 * references between schemas, deleting, contexts, modes, and any compatibility but BACKWARD with the version before.
 */
const ABOUT = 'The part of the Confluent Schema Registry’s API that kafkajs, Flink and Java clients use';
const TYPE = 'application/vnd.schemaregistry.v1+json';
const LEVEL = 'BACKWARD';
const PASS_ON_MS = 10_000;
const TOO_MANY = 'too many wrong passwords from this address';

const bodySchema = z.object({
  schema: z.string().min(1).max(200_000),
  schemaType: z.literal('AVRO').optional(),
  references: z.array(z.unknown()).max(0).optional(),
});

type Params = { Params: { subject: string; version: string; id: string } };

/** The porter of the registry: HTTP Basic, as Confluent's clients have it. */
export const registryPorter =
  (access: RegistryAccess | undefined, tries: Tries): Porter =>
  (request) => {
    const shown = request.headers.authorization;
    const refusal = shown === undefined ? undefined : tries.refusal(request.ip);
    if (refusal) return { ...refusal, type: TYPE, body: { error_code: 42901, message: TOO_MANY } };
    if (access && mayEnter(access, shown)) return undefined;
    if (shown !== undefined) tries.failed(request.ip);
    return {
      status: 401,
      type: TYPE,
      body: { error_code: 40101, message: 'expected the registry’s user and password' },
      headers: { 'www-authenticate': 'Basic realm="registry"' },
    };
  };

export function registryRoutes(app: FastifyInstance, registry: Registry, clock: Clock): void {
  app.register(
    async (scope) => {
      asClientsExpect(scope, registry);
      readRoutes(scope, registry.book);
      writeRoutes(scope, registry, clock);
      configRoutes(scope);
    },
    { prefix: '/registry' },
  );
}

/** Bodies, errors and types of content as the registry of others has them. */
function asClientsExpect(scope: FastifyInstance, registry: Registry): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit: 400_000 }, (_request, body, done) => {
    try {
      done(null, parseJson(body as string));
    } catch (error) {
      done(new RegistryError(422, 42201, `expected JSON: ${messageOf(error)}`));
    }
  });
  scope.addHook('onRoute', (route) => {
    route.config = { ...route.config, door: 'registry', about: ABOUT };
  });
  scope.addHook('onRequest', async () => registry.ready());
  scope.setErrorHandler((error, _request, reply) => {
    const [status, code] =
      error instanceof RegistryError ? [error.status, error.code] : [statusOf(error), 50001];
    return reply
      .code(status)
      .type(TYPE)
      .send({ error_code: code, message: messageOf(error) });
  });
  scope.addHook('onSend', async (_request, reply) => void reply.type(TYPE));
}

function readRoutes(scope: FastifyInstance, book: Registry['book']): void {
  scope.get('/', async () => ({}));
  scope.get('/subjects', async () => book.subjects());
  scope.get('/schemas/types', async () => ['AVRO']);
  scope.get<Params>('/schemas/ids/:id', async ({ params }) => ({
    schema: book.schema(Number(params.id)),
  }));
  scope.get<Params>('/subjects/:subject/versions', async ({ params }) =>
    book.versions(params.subject).map(({ version }) => version),
  );
  scope.get<Params>('/subjects/:subject/versions/:version', async ({ params }) =>
    book.version(params.subject, params.version),
  );
  scope.post<Params>('/subjects/:subject', async ({ params, body }) => {
    book.versions(params.subject);
    const found = book.find(params.subject, schemaOf(body));
    if (!found) throw new RegistryError(404, 40403, `${params.subject} has no such schema`);
    return found;
  });
}

function writeRoutes(scope: FastifyInstance, registry: Registry, clock: Clock): void {
  const { book } = registry;
  scope.post<Params>('/subjects/:subject/versions', async (request, reply) => {
    const schema = schemaOf(request.body);
    try {
      const { id } = await registry.register(request.params.subject, schema);
      return { id };
    } catch (error) {
      if (error instanceof Elsewhere && error.url !== null) return passOn(error.url, clock, request, reply);
      throw error;
    }
  });
  scope.post<Params>('/compatibility/subjects/:subject/versions/:version', async ({ params, body }) => {
    const messages = book.problems(schemaOf(body), book.version(params.subject, params.version));
    return { is_compatible: messages.length === 0, messages };
  });
}

function configRoutes(scope: FastifyInstance): void {
  for (const path of ['/config', '/config/:subject']) {
    scope.get(path, async () => ({ compatibilityLevel: LEVEL }));
    scope.put(path, async ({ body }) => {
      if ((body as { compatibility?: unknown }).compatibility !== LEVEL)
        throw new RegistryError(422, 42203, `expected ${LEVEL}: this registry knows no other compatibility`);
      return { compatibility: LEVEL };
    });
  }
}

/** To the relay that adds schemas; clients do not follow a redirected POST. */
async function passOn(url: string, clock: Clock, request: FastifyRequest, reply: FastifyReply) {
  const { subject } = request.params as { subject: string };
  // Never the request's own line: it may name any host.
  const path = `/registry/subjects/${encodeURIComponent(subject)}/versions`;
  const [status, body] = await abortAfter(clock, PASS_ON_MS, async (signal) => {
    const answer = await fetch(new URL(path, url), {
      method: 'POST',
      headers: {
        'content-type': TYPE,
        ...(request.headers.authorization ? { authorization: request.headers.authorization } : {}),
      },
      body: JSON.stringify(request.body),
      signal,
    });
    return [answer.status, await answer.json()] as const;
  });
  return reply.code(status).send(body);
}

function schemaOf(body: unknown): string {
  const parsed = bodySchema.safeParse(body);
  if (parsed.success) return parsed.data.schema;
  throw new RegistryError(422, 42201, 'expected {"schema": "…"} with an Avro schema and no references');
}

function mayEnter({ username, password }: RegistryAccess, header: string | undefined): boolean {
  const given = /^Basic (.+)$/i.exec(header ?? '')?.[1] ?? '';
  return sameSecret(Buffer.from(given, 'base64'), `${username}:${password}`);
}

const statusOf = (error: unknown) => (error as { statusCode?: number }).statusCode ?? 503;
