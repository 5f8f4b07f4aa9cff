import type { FastifyInstance, FastifyReply } from 'fastify';
import { closedPage } from './login-page.js';
import type { Viewers } from './viewers.js';

const FORM_BYTES_MAX = 4096;
const PAGE = 'text/html; charset=utf-8';

/** `/login?token=…`, or its form: a browser shows its token once, and has a session then. */
export function loginRoutes(app: FastifyInstance, viewers: Viewers): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: FORM_BYTES_MAX },
      (_request, body, done) => done(null, new URLSearchParams(body as string).get('token') ?? ''),
    );
    const door = (about: string) => ({ config: { door: 'anyone' as const, about } });
    scope.get<{ Querystring: { token?: string } }>(
      '/login',
      door('`?token=…` begins a session of 12 h; without it, a form'),
      async ({ query, ip }, reply) => {
        if (query.token === undefined) return reply.type(PAGE).send(closedPage());
        return enter(String(query.token), ip, reply);
      },
    );
    scope.post('/login', door('The form’s token begins a session'), async ({ body, ip }, reply) =>
      enter(String(body ?? ''), ip, reply),
    );
    scope.post('/logout', door('Ends the session'), async (_request, reply) =>
      reply.header('set-cookie', viewers.logout()).redirect('/login', 303),
    );
  });

  const enter = (token: string, address: string, reply: FastifyReply) => {
    const entered = viewers.login(token, address);
    if (typeof entered === 'string') return reply.header('set-cookie', entered).redirect('/', 303);
    if (entered === undefined)
      return reply.code(401).type(PAGE).send(closedPage('That is no viewer’s token of this relay.'));
    return reply
      .code(entered.status)
      .headers(entered.headers ?? {})
      .type(PAGE)
      .send(closedPage('Too many wrong tokens came from your network. Try again in a minute.'));
  };
}
