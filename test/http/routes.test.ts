import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import {
  type Handlers,
  helloBody,
  type IdentityHandlers,
  matchRoute,
  toRoutes,
} from '../../src/http/routes.ts';

const names = [
  'messages',
  'chatCompletions',
  'responses',
  'countTokens',
  'inputTokens',
  'readResponse',
  'deleteResponse',
  'models',
  'quota',
  'usageDisplay',
  'health',
  'livez',
  'readyz',
  'hello',
];
const named = (all: readonly string[]) => Object.fromEntries(all.map((name) => [name, () => undefined]));
const identity = {
  ...named(['managedSettings', 'telemetry', 'backchannelLogout', 'protectedResource']),
  keys: named(['list', 'create', 'revoke']),
  signIn: {
    ...named(['metadata', 'deviceAuthorization', 'token', 'revoke']),
    pages: named(['start', 'leave', 'arrive', 'decide']),
  },
} as unknown as IdentityHandlers;
const handlers = { ...named(names), identity } as unknown as Handlers;
const routes = toRoutes(handlers);

for (const [method, path, name] of [
  ['POST', '/v1/messages', 'messages'],
  ['POST', '/v1/messages/count_tokens', 'countTokens'],
  ['POST', '/v1/chat/completions', 'chatCompletions'],
  ['POST', '/v1/responses', 'responses'],
  ['POST', '/v1/responses/input_tokens', 'inputTokens'],
  ['GET', '/v1/responses/resp_1', 'readResponse'],
  ['DELETE', '/v1/responses/resp_1', 'deleteResponse'],
  ['GET', '/v1/models', 'models'],
  ['GET', '/v1/models/axon/fast', 'models'],
  ['HEAD', '/v1/models', 'models'],
  ['GET', '/quota', 'quota'],
  ['GET', '/api/oauth/usage', 'usageDisplay'],
  ['HEAD', '/', 'hello'],
  ['HEAD', '/api/hello', 'hello'],
] as const) {
  test(`${method} ${path} is handled by ${name}`, () => {
    assert.equal(matchRoute(routes, method, path), handlers[name]);
  });
}

for (const [method, path, handler] of [
  ['GET', '/auth/keys', identity.keys.list],
  ['POST', '/auth/keys', identity.keys.create],
  ['DELETE', '/auth/keys/abc', identity.keys.revoke],
  ['POST', '/auth/backchannel-logout', identity.backchannelLogout],
  ['GET', '/.well-known/oauth-protected-resource', identity.protectedResource],
  ['GET', '/.well-known/oauth-authorization-server', identity.signIn?.metadata],
  ['POST', '/oauth/device_authorization', identity.signIn?.deviceAuthorization],
  ['POST', '/oauth/token', identity.signIn?.token],
  ['POST', '/oauth/revoke', identity.signIn?.revoke],
  ['GET', '/device', identity.signIn?.pages.start],
  ['POST', '/device', identity.signIn?.pages.leave],
  ['GET', '/oauth/callback', identity.signIn?.pages.arrive],
  ['POST', '/device/decision', identity.signIn?.pages.decide],
  ['GET', '/managed/settings', identity.managedSettings],
  ['POST', '/v1/logs', identity.telemetry],
] as const) {
  test(`${method} ${path} has its handler`, () => {
    assert.ok(handler !== undefined);
    assert.equal(matchRoute(routes, method, path), handler);
  });
}

test('without Keycloak and a public address there is no sign-in', () => {
  const { keys, managedSettings, telemetry } = identity;
  const plain = toRoutes({ ...handlers, identity: { keys, managedSettings, telemetry } });
  for (const path of ['/device', '/oauth/token', '/.well-known/oauth-authorization-server']) {
    assert.throws(() => matchRoute(plain, 'GET', path), /nothing at this path/);
  }
});

function refusal(method: string, path: string): GatewayError {
  try {
    matchRoute(routes, method, path);
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    return error;
  }
  assert.fail('found');
}

for (const path of [
  '/v1/message',
  '/v1/messages/',
  '/v1/messages/x',
  '/V1/messages',
  '/v1/modelsx',
  '',
  '/quota/',
]) {
  test(`"${path}" is nothing`, () => assert.equal(refusal('POST', path).code, 'route_not_found'));
}

for (const [method, path, allow] of [
  ['GET', '/v1/messages', 'POST'],
  ['HEAD', '/v1/messages', 'POST'],
  ['DELETE', '/quota', 'GET'],
  ['__proto__', '/quota', 'GET'],
  ['constructor', '/quota', 'GET'],
] as const) {
  test(`${method} ${path} is not allowed`, () => {
    const { code, details } = refusal(method, path);
    assert.equal(code, 'method_not_allowed');
    assert.equal(details.headers?.allow, allow);
  });
}

test('GET / lists every endpoint', () => {
  const { endpoints } = helloBody(routes);
  assert.ok(endpoints.includes('POST /v1/messages'));
  assert.equal(endpoints.length, routes.flatMap(({ methods }) => Object.keys(methods)).length);
});
