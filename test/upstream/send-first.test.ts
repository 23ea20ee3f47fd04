import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, GatewayError } from '../../src/errors.ts';
import { scanRequest } from '../../src/protocol/scan-request.ts';
import type { Candidate } from '../../src/types.ts';
import type { Attempt, FailedAttempt } from '../../src/upstream/attempt.ts';
import type { Reply } from '../../src/upstream/await-content.ts';
import { type BackendSettings, toBackend } from '../../src/upstream/kinds.ts';
import { createOutboundWriter } from '../../src/upstream/outbound.ts';
import { createSendFirst } from '../../src/upstream/send-first.ts';
import { createTraffic } from '../../src/upstream/traffic.ts';

const body = new TextEncoder().encode('{"model":"m","messages":[{"role":"user","content":"hi"}]}');

type Answer = 'ok' | ErrorCode | Error;

/** A backend `internal` of two replicas and one `claude`; each address answers as told, for ever. */
function scene(answers: Record<string, Answer>, settings: Partial<BackendSettings> = {}) {
  const asked: string[] = [];
  const failures: FailedAttempt[] = [];
  let time = 0;
  const traffic = createTraffic(() => time);
  const internal = {
    name: 'internal',
    kind: 'internal',
    urls: ['http://a', 'http://b'],
    maxOutputTokens: 1,
  } as const;
  const backends = new Map([
    ['internal', toBackend({ ...internal, contextWindow: 4000, ...settings })],
    ['claude', toBackend({ name: 'claude', kind: 'claude', urls: ['http://c'], maxOutputTokens: 1 })],
  ]);
  const attempt: Attempt = async ({ candidate, backend, writer, changes }) => {
    asked.push(candidate.url);
    const answer = answers[candidate.url] ?? 'ok';
    if (answer instanceof Error) throw answer;
    if (answer === 'backend_unreachable') throw new GatewayError(answer, 'gone');
    const base = { candidate, format: backend.format, headers: {} };
    const reply: Reply =
      answer === 'ok'
        ? { ...base, kind: 'whole', status: 200, body: new Uint8Array() }
        : { ...base, kind: 'refused', status: 400, body: null, error: { code: answer, message: answer } };
    return { reply, backend, outbound: writer.write(candidate, backend, changes) };
  };
  const windowOf = ({ configuredWindow }: { readonly configuredWindow: number | null }) => configuredWindow;
  const sendFirst = createSendFirst({ backends, traffic, attempt, windowOf });
  const at = (backend: string, ...urls: string[]): Candidate[] =>
    urls.map((url) => ({ backend, url, model: backend === 'claude' ? 'haiku' : 'qwen' }));
  const [first, ...rest] = [...at('internal', 'http://a', 'http://b'), ...at('claude', 'http://c')];
  assert.ok(first);
  const send = (signal = new AbortController().signal, more = {}) =>
    sendFirst({
      candidates: [first, ...rest],
      writer: createOutboundWriter({
        dialect: 'openai',
        body,
        scan: scanRequest(body),
        headers: {},
        search: '',
      }),
      signal,
      guest: { user: 'u', weight: 1, isBackground: () => false },
      affinity: () => 'conversation',
      onFailure: (failure) => failures.push(failure),
      onQueued: () => undefined,
      onSilence: () => undefined,
      isPromised: () => false,
      ...more,
    });
  return {
    send,
    asked,
    failures,
    traffic,
    answers,
    pass: (ms: number) => {
      time += ms;
    },
  };
}

const served = async (sent: Promise<{ readonly reply: Reply; leave(how: 'answered'): void }>) => {
  const exchange = await sent;
  exchange.leave('answered');
  return exchange.reply.kind === 'refused' ? exchange.reply.error.code : exchange.reply.candidate.url;
};

for (const code of [
  'backend_unreachable',
  'backend_timeout',
  'backend_overloaded',
  'backend_failed',
  'backend_truncated',
  'rate_limited',
  'request_timeout',
] as const) {
  test(`${code}: first the other replica, then the other model`, async () => {
    const { send, asked, failures } = scene({ 'http://a': code, 'http://b': code });
    assert.equal(await served(send()), 'http://c');
    assert.deepEqual(asked.toSorted(), ['http://a', 'http://b', 'http://c']);
    assert.equal(asked[2], 'http://c');
    assert.deepEqual(
      failures.map(({ backend, model, code: why }) => [backend, model, why]),
      [
        ['internal', 'qwen', code],
        ['internal', 'qwen', code],
      ],
    );
    assert.deepEqual(failures.map(({ replica }) => replica).toSorted(), [0, 1]);
  });
}

for (const code of [
  'invalid_request',
  'backend_credential_rejected',
  'model_not_found',
  'permission_denied',
  'body_too_large',
  'billing',
] as const) {
  test(`${code} is asked of nobody else`, async () => {
    const { send, asked } = scene({ 'http://a': code, 'http://b': code });
    assert.equal(await served(send()), code);
    assert.equal(asked.length, 1);
  });
}

test('a prompt too long for one window goes to a larger one, but to no other replica', async () => {
  const { send, asked } = scene({ 'http://a': 'context_overflow', 'http://b': 'context_overflow' });
  assert.equal(await served(send()), 'http://c');
  assert.equal(asked.length, 2);
});

test('where nobody knows the window that was too small, the overflow is said', async () => {
  const unknown = { contextWindow: undefined };
  const { send, asked } = scene({ 'http://a': 'context_overflow', 'http://b': 'context_overflow' }, unknown);
  assert.equal(await served(send()), 'context_overflow');
  assert.equal(asked.length, 1);
});

test('when all fail, the failure of the model that was asked for first is said', async () => {
  const { send } = scene({
    'http://a': 'backend_overloaded',
    'http://b': 'backend_overloaded',
    'http://c': 'invalid_request',
  });
  assert.equal(await served(send()), 'backend_overloaded');
  const silent = scene({
    'http://a': 'backend_unreachable',
    'http://b': 'backend_unreachable',
    'http://c': 'rate_limited',
  });
  await assert.rejects(
    silent.send(),
    (error) => error instanceof GatewayError && error.code === 'backend_unreachable',
  );
});

test('a backend whose replicas are all resting is passed over, without asking it', async () => {
  const { send, asked } = scene({ 'http://a': 'backend_unreachable', 'http://b': 'backend_unreachable' });
  for (let count = 0; count < 6; count++) await served(send());
  asked.length = 0;
  assert.equal(await served(send()), 'http://c');
  assert.deepEqual(asked, ['http://c']);
});

test('a replica that came back is found by one request', async () => {
  const { send, asked, answers, traffic, pass } = scene({
    'http://a': 'backend_failed',
    'http://b': 'backend_failed',
  });
  for (let count = 0; count < 6; count++) await served(send());
  answers['http://a'] = 'ok';
  answers['http://b'] = 'ok';
  pass(1000);
  asked.length = 0;
  const url = await served(send());
  assert.deepEqual(asked, [url]);
  assert.equal(traffic.replicas.state(url), 'closed');
});

test('when everybody rests, three at once are still tried, and the next is told to come again', async () => {
  const gone = {
    'http://a': 'backend_unreachable',
    'http://b': 'backend_unreachable',
    'http://c': 'backend_unreachable',
  } as const;
  const { send, traffic } = scene({ ...gone });
  for (let count = 0; count < 12; count++) await send().catch(() => undefined);
  for (const url of Object.keys(gone)) {
    assert.notEqual(traffic.replicas.state(url), 'closed');
    for (const _ of [1, 2, 3]) traffic.replicas.visit(url, [url]);
  }
  await assert.rejects(send(), (error) => {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, 'backend_overloaded');
    assert.equal(error.details.retryAfterSeconds, 2);
    return true;
  });
});

test('a dying backend of many replicas is not asked twice as often', async () => {
  const { send, asked, traffic } = scene({ 'http://a': 'rate_limited', 'http://b': 'rate_limited' });
  for (let count = 0; count < 1000; count++) await served(send());
  const atInternal = asked.filter((url) => url !== 'http://c').length;
  assert.ok(atInternal <= 1000 * 1.2 + 101, `${atInternal} tries for 1000 requests`);
  assert.equal(traffic.replicas.state('http://a'), 'closed', 'a limit is no illness');
});

test('a client that left is no failure of anybody, and nobody else is asked', async () => {
  const { send, asked, failures, traffic } = scene({
    'http://a': new Error('left'),
    'http://b': new Error('left'),
  });
  await assert.rejects(send(), /left/);
  assert.equal(asked.length, 1);
  assert.deepEqual(failures, []);
  for (const url of ['http://a', 'http://b']) assert.equal(traffic.replicas.inFlight(url), 0);
});

test('a reply holds its replica and its place until it is left, a refusal holds nothing', async () => {
  const { send, answers, traffic } = scene({}, { maxInFlight: 1, urls: ['http://a', 'http://b'] });
  const one = await send();
  const { url } = one.reply.candidate;
  assert.equal(traffic.replicas.inFlight(url), 1);
  const two = await send();
  assert.notEqual(two.reply.candidate.url, url, 'the full one is passed over');
  const third = send();
  assert.equal(traffic.admission.waiting('internal'), 1);
  one.leave('answered');
  one.leave('broken');
  const three = await third;
  two.leave('answered');
  three.leave('answered');
  answers['http://a'] = 'invalid_request';
  answers['http://b'] = 'invalid_request';
  await send();
  for (const each of ['http://a', 'http://b']) assert.equal(traffic.replicas.inFlight(each), 0);
  assert.equal(traffic.admission.waiting('internal'), 0);
});

test('a full line sends to the other model, and the client whose stream was promised to nobody', async () => {
  const { send, asked, failures } = scene({}, { maxInFlight: 1, maxQueued: 0 });
  const [one, two] = [await send(), await send()];
  assert.equal(await served(send()), 'http://c');
  assert.deepEqual(
    failures.map(({ code, replica }) => [code, replica]),
    [['backend_overloaded', undefined]],
  );
  await assert.rejects(send(undefined, { isPromised: () => true }), GatewayError);
  assert.equal(asked.length, 3);
  one.leave('answered');
  two.leave('answered');
});
