/** A caller's own Claude login, sent beside the gateway's key: let through where a rule says so, and nowhere else. */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { messages } from '../support/rig.ts';

const LOGIN = 'sk-ant-oat01-canary-login';
const seen: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
let status = 200;
/** Stands for Claude and for a model server: notes who asks, and answers in the words of either. */
const backend = createServer(async (request, response) => {
  for await (const _ of request);
  seen.push({ path: request.url ?? '', headers: request.headers });
  const type = { 'content-type': 'application/json' };
  if (request.method === 'GET') return response.writeHead(200, type).end('{"data":[{"id":"qwen3-32b"}]}');
  if (request.url?.includes('/chat/')) return response.writeHead(200, type).end(JSON.stringify(CHAT));
  const body =
    status === 200 ? MESSAGE : { type: 'error', error: { type: 'authentication_error', message: 'x' } };
  return response.writeHead(status, type).end(JSON.stringify(body));
});
const usage = { input_tokens: 1, output_tokens: 1 };
const content = [{ type: 'text', text: 'hi' }];
const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm',
  content,
  stop_reason: 'end_turn',
  usage,
};
const CHAT = {
  id: 'c',
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
};

let gateway: GatewayProcess;
before(async () => {
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
  const claude = '{ match: claude, to: [claude, internal/default]';
  gateway = await startGatewayProcess({
    env: {
      LOG_LEVEL: 'trace',
      STATIC_KEYS: 'key-open=ada:open,key-shut=bob:shut',
      INTERNAL_LLM_URL: url,
      CLAUDE_API_KEY: 'gateways-own-key',
      CLAUDE_BASE_URL: url,
    },
    configYaml: [
      'tiers:',
      `  open: { rank: 1, requestsPerDay: 10, routes: [${claude}, passthrough: own-credential }, { match: gpt, to: internal/default }] }`,
      `  shut: { rank: 0, requestsPerDay: 10, routes: [${claude} }] }`,
    ].join('\n'),
  });
});
after(async () => {
  await gateway?.kill();
  backend.close();
});
beforeEach(() => {
  seen.length = 0;
  status = 200;
});

async function ask(key: string, authorization: string, model = 'claude-opus-5-5') {
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': key, authorization, 'content-type': 'application/json' },
    body: JSON.stringify(messages(model)),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}
const asked = () =>
  seen
    .filter(({ path }) => path !== '/v1/models')
    .map(({ headers }) => [headers.authorization, headers['x-api-key']]);

test('where the rule lets it through, Claude is asked with the caller’s login alone, and the quota counts', async () => {
  assert.equal((await ask('key-open', `Bearer ${LOGIN}`)).status, 200);
  assert.deepEqual(asked(), [[`Bearer ${LOGIN}`, undefined]]);
  const quota = await fetch(`${gateway.url}/quota`, { headers: { 'x-api-key': 'key-open' } });
  assert.equal(((await quota.json()) as { used: number }).used, 1);
});

for (const [what, key, authorization, model] of [
  ['by another rule', 'key-shut', `Bearer ${LOGIN}`, 'claude-opus-5-5'],
  ['an API key of Anthropic', 'key-open', 'Bearer sk-ant-api03-canary-key', 'claude-opus-5-5'],
  ['to a model server', 'key-open', `Bearer ${LOGIN}`, 'gpt-5'],
] as const) {
  test(`nothing of the caller’s goes on ${what}`, async () => {
    assert.equal((await ask(key, authorization, model)).status, 200);
    assert.doesNotMatch(JSON.stringify(seen), /canary/);
  });
}

test('a login without a key of the gateway opens nothing', async () => {
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${LOGIN}`, 'content-type': 'application/json' },
    body: JSON.stringify(messages('claude-opus-5-5')),
  });
  assert.equal(response.status, 401);
  assert.deepEqual(asked(), []);
});

test('a login that Claude refuses is the caller’s to renew', async () => {
  status = 401;
  const answer = await ask('key-open', `Bearer ${LOGIN}`);
  assert.deepEqual([answer.status, answer.headers.get('x-should-retry')], [401, 'false']);
  assert.match(answer.text, /your own Claude login/);
  assert.equal(asked().length, 1);
});

test('the login is in no log', () => {
  assert.doesNotMatch(gateway.stderr() + gateway.stdout(), /canary|gateways-own-key/);
});
