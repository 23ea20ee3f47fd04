import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import { type Handlers, helloBody, matchRoute, toRoutes } from '../../src/http/routes.ts';

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
const handlers = Object.fromEntries(names.map((name) => [name, () => undefined])) as unknown as Handlers;
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
