/** Every route of the product, called without a credential: refused, or open on purpose and harmless. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Handlers, toRoutes } from '../../src/http/routes.ts';
import { chat, messages, type Rig, startRig } from '../support/rig.ts';

/** What a route answers to a stranger; `open` says why it may. */
type Expected = { readonly status: 401 } | { readonly status: 200; readonly open: string };

const REFUSED = { status: 401 } as const;
const PROBE = {
  status: 200,
  open: 'orchestrators ask without a credential; no address and no secret is in it',
} as const;
const HELLO = {
  status: 200,
  open: 'says the product’s name and its paths; clients probe it at their start',
} as const;

/** A route that is not here fails the first test: decide, then list it. */
const EXPECTED: Readonly<Record<string, Expected>> = {
  'POST /v1/messages': REFUSED,
  'POST /v1/messages/count_tokens': REFUSED,
  'POST /v1/chat/completions': REFUSED,
  'POST /v1/responses': REFUSED,
  'POST /v1/responses/input_tokens': REFUSED,
  'GET /v1/models': REFUSED,
  'GET /v1/models/x': REFUSED,
  'GET /quota': REFUSED,
  'GET /api/oauth/usage': REFUSED,
  'GET /admin/v1': REFUSED,
  'GET /admin/v1/x': REFUSED,
  'POST /admin/v1': REFUSED,
  'POST /admin/v1/x': REFUSED,
  'GET /health': PROBE,
  'GET /livez': PROBE,
  'GET /readyz': PROBE,
  'GET /': HELLO,
  'GET /api/hello': HELLO,
  'GET /v1/api/hello': HELLO,
  'GET /metrics': {
    status: 200,
    open: 'here only where the operator chose one port for both; users are hashes, and nothing else names anybody',
  },
};

/** Every path and method of the table, optional ones included. */
const handlers = new Proxy({}, { get: () => () => undefined }) as Handlers;
const listed = toRoutes(handlers).flatMap(({ path, below, methods }) =>
  Object.keys(methods).flatMap((method) => [`${method} ${path}`, ...(below ? [`${method} ${path}/x`] : [])]),
);

test('of every route it is decided what a stranger gets', () => {
  assert.deepEqual([...listed].sort(), Object.keys(EXPECTED).sort());
});

let rig: Rig;
before(async () => {
  const port = String(20_000 + (process.pid % 20_000));
  rig = await startRig({ PORT: port, METRICS_PORT: port, ADMIN_TOKEN: 'backend-key-of-the-operators' });
});
after(() => rig.close());

/** What a stranger might send in place of a credential. */
const PRETENCES: Readonly<Record<string, Record<string, string>>> = {
  nothing: {},
  'an unknown key': { authorization: 'Bearer lgw_nobody' },
  'an empty key': { 'x-api-key': '' },
  'a proxy’s word': {
    'x-forwarded-user': 'enterprise-user',
    'x-remote-user': 'enterprise-user',
    cookie: 'session=1',
  },
};

for (const [route, expected] of Object.entries(EXPECTED)) {
  test(`${route} answers a stranger with ${expected.status}, whatever is pretended`, async () => {
    const [method = '', path = ''] = route.split(' ');
    for (const [what, headers] of Object.entries(PRETENCES)) {
      for (const target of [
        path,
        `${path}?key=canary-key-enterprise`,
        ...(path.startsWith('/v1/') ? [`/v1${path}`] : []),
      ]) {
        const response = await fetch(rig.gateway.url + target, {
          method,
          headers: { 'content-type': 'application/json', ...headers },
          ...(method === 'POST' && { body: JSON.stringify({ ...messages('gpt-5'), ...chat('gpt-5') }) }),
        });
        const text = await response.text();
        assert.equal(response.status, expected.status, `${target} with ${what}`);
        assert.doesNotMatch(text, /127\.0\.0\.1|canary|backend-key|free-user|enterprise-user/);
      }
    }
  });
}

test('no stranger reached a backend', () => {
  for (const mock of [rig.internal, rig.claude, rig.openai]) assert.equal(mock.requests.length, 0);
});
