/** Every route of the product, called without a credential: refused, or open on purpose and harmless. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Handlers, toRoutes } from '../../src/http/routes.ts';
import { type FakeRealm, SERVICE_SECRET, startFakeRealm } from '../support/fake-realm.ts';
import { chat, messages, type Rig, startRig } from '../support/rig.ts';
import { freePort } from '../support/valkey-server.ts';

/** What a route answers to a stranger; `open` says why it may. */
type Expected = { readonly status: 401 } | { readonly status: number; readonly open: string };

const REFUSED = { status: 401 } as const;
const PROBE = {
  status: 200,
  open: 'orchestrators ask without a credential; no address and no secret is in it',
} as const;
const HELLO = {
  status: 200,
  open: 'says the product’s name and its paths; clients probe it at their start',
} as const;

const METADATA = { status: 200, open: 'tells clients where to sign in (RFC 8414, RFC 9728)' } as const;
const SIGN_IN =
  'whoever signs in has no credential yet; without a started sign-in there is nothing to answer';

const TO_SIGN_IN = 'people are shown the way to the sign-in, and nothing else';

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
  'GET /v1/responses/x': REFUSED,
  'DELETE /v1/responses/x': REFUSED,
  'GET /auth/keys': REFUSED,
  'POST /auth/keys': REFUSED,
  'DELETE /auth/keys/x': REFUSED,
  'GET /managed/settings': REFUSED,
  'POST /v1/metrics': REFUSED,
  'POST /v1/logs': REFUSED,
  'POST /v1/traces': REFUSED,
  'GET /.well-known/oauth-protected-resource': METADATA,
  'GET /.well-known/oauth-authorization-server': METADATA,
  'POST /oauth/device_authorization': {
    status: 200,
    open: 'begins a sign-in, which is worth nothing until somebody approves it',
  },
  'POST /oauth/token': { status: 400, open: SIGN_IN },
  'POST /oauth/revoke': {
    status: 200,
    open: 'whoever has a token may end it; RFC 7009 answers 200 to any other',
  },
  'GET /device': { status: 200, open: SIGN_IN },
  'POST /device': { status: 403, open: SIGN_IN },
  'GET /oauth/callback': { status: 400, open: SIGN_IN },
  'POST /device/decision': { status: 403, open: SIGN_IN },
  'POST /auth/backchannel-logout': { status: 400, open: 'believes signed logout tokens of the realm only' },
  'GET /console': { status: 303, open: TO_SIGN_IN },
  'POST /console': { status: 303, open: TO_SIGN_IN },
  'GET /console/x': { status: 303, open: TO_SIGN_IN },
  'POST /console/x': { status: 303, open: TO_SIGN_IN },
  'GET /metrics': {
    status: 200,
    open: 'here only where the operator chose one port for both; users are hashes, and nothing else names anybody',
  },
};

/** Every path and method of the table, optional ones included. */
const handlers: Handlers = new Proxy(() => undefined, { get: () => handlers }) as unknown as Handlers;
const table = toRoutes(handlers);
const isTaken = (path: string) => table.some((row) => row.path === path && row.below !== true);
const listed = table.flatMap(({ path, below = false, methods }) =>
  Object.keys(methods).flatMap((method) => [
    ...(below && isTaken(path) ? [] : [`${method} ${path}`]),
    ...(below ? [`${method} ${path}/x`] : []),
  ]),
);

test('of every route it is decided what a stranger gets', () => {
  assert.deepEqual([...listed].sort(), Object.keys(EXPECTED).sort());
});

let realm: FakeRealm;
let rig: Rig;
before(async () => {
  realm = await startFakeRealm();
  const port = String(await freePort());
  rig = await startRig(
    {
      PORT: port,
      METRICS_PORT: port,
      AUTH_PROVIDER: 'keycloak',
      KEYCLOAK_URL: realm.issuer,
      KEYCLOAK_CLIENT_SECRET: SERVICE_SECRET,
      PUBLIC_URL: 'https://llm.example',
    },
    'admin: { token: canary-operators-token-0123456789 }\n',
  );
});
after(async () => {
  await rig?.close();
  await realm?.close();
});

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

const BODY = { ...messages('gpt-5'), ...chat('gpt-5') };
const FORM = 'application/x-www-form-urlencoded';
const isForm = (path: string) => /^\/(?:oauth|device|auth\/backchannel)/.test(path);

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
          redirect: 'manual',
          headers: { 'content-type': isForm(path) ? FORM : 'application/json', ...headers },
          ...(method === 'POST' && { body: isForm(path) ? 'token=x&user_code=x' : JSON.stringify(BODY) }),
        });
        const text = (await response.text()).replaceAll(realm.issuer, 'the realm');
        assert.equal(response.status, expected.status, `${target} with ${what}`);
        assert.doesNotMatch(text, /127\.0\.0\.1|canary|backend-key|free-user|enterprise-user/);
      }
    }
  });
}

test('no stranger reached a backend', () => {
  for (const mock of [rig.internal, rig.claude, rig.openai]) assert.equal(mock.requests.length, 0);
});
