import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { messageOf } from '../../core/errors.js';
import { Elsewhere } from '../log/port.js';
import { RegistryError } from './registry.js';
import type { Registry } from './run.js';

/*
 * The part of the Confluent Schema Registry's API (https://docs.confluent.io/platform/current/schema-registry/develop/api.html)
 * that kafkajs's client and Flink's `avro-confluent` use, below /registry. What it does not do: JSON Schema and Protobuf,
 * references between schemas, deleting, contexts, modes, and any compatibility but BACKWARD with the version before.
 */
const TYPE = 'application/vnd.schemaregistry.v1+json';
const LEVEL = 'BACKWARD';

const bodySchema = z.object({
  schema: z.string().min(1).max(200_000),
  schemaType: z.literal('AVRO').optional(),
  references: z.array(z.unknown()).max(0).optional(),
});

export interface RegistryAccess {
  username: string;
  password: string;
}

type Params = { Params: { subject: string; version: string; id: string } };

export function registryRoutes(app: FastifyInstance, registry: Registry, access?: RegistryAccess): void {
  app.register(
    async (scope) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit: 400_000 }, (_request, body, done) => {
        try {
          done(null, JSON.parse(body as string));
        } catch {
          done(new RegistryError(422, 42201, 'expected JSON'));
        }
      });
      scope.addHook('onRequest', async (request) => {
        if (access && !mayEnter(access, request.headers.authorization))
          throw new RegistryError(401, 40101, 'expected the registry’s user and password');
        await registry.ready();
      });
      scope.setErrorHandler((error, _request, reply) => {
        const [status, code] =
          error instanceof RegistryError ? [error.status, error.code] : [statusOf(error), 50001];
        return reply
          .code(status)
          .type(TYPE)
          .send({ error_code: code, message: messageOf(error) });
      });
      scope.addHook('onSend', async (_request, reply) => void reply.type(TYPE));
      const { book } = registry;

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
      scope.post<Params>('/subjects/:subject/versions', async (request, reply) => {
        const schema = schemaOf(request.body);
        try {
          const { id } = await registry.register(request.params.subject, schema);
          return { id };
        } catch (error) {
          if (error instanceof Elsewhere && error.url !== null) return passOn(error.url, request, reply);
          throw error;
        }
      });
      scope.post<Params>('/compatibility/subjects/:subject/versions/:version', async ({ params, body }) => {
        const messages = book.problems(schemaOf(body), book.version(params.subject, params.version));
        return { is_compatible: messages.length === 0, messages };
      });
      for (const path of ['/config', '/config/:subject']) {
        scope.get(path, async () => ({ compatibilityLevel: LEVEL }));
        scope.put(path, async ({ body }) => {
          if ((body as { compatibility?: unknown }).compatibility !== LEVEL)
            throw new RegistryError(
              422,
              42203,
              `expected ${LEVEL}: this registry knows no other compatibility`,
            );
          return { compatibility: LEVEL };
        });
      }
    },
    { prefix: '/registry' },
  );
}

/** To the relay that adds schemas; clients do not follow a redirected POST. */
async function passOn(url: string, request: FastifyRequest, reply: FastifyReply) {
  const answer = await fetch(new URL(request.url, url), {
    method: 'POST',
    headers: {
      'content-type': TYPE,
      ...(request.headers.authorization ? { authorization: request.headers.authorization } : {}),
    },
    body: JSON.stringify(request.body),
    signal: AbortSignal.timeout(10_000),
  });
  return reply.code(answer.status).send(await answer.json());
}

function schemaOf(body: unknown): string {
  const parsed = bodySchema.safeParse(body);
  if (parsed.success) return parsed.data.schema;
  throw new RegistryError(422, 42201, 'expected {"schema": "…"} with an Avro schema and no references');
}

function mayEnter({ username, password }: RegistryAccess, header: string | undefined): boolean {
  const expected = Buffer.from(`Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`);
  const given = Buffer.from(header ?? '');
  return expected.length === given.length && timingSafeEqual(expected, given);
}

const statusOf = (error: unknown) => (error as { statusCode?: number }).statusCode ?? 503;
