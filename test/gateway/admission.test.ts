import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openaiStream } from '../support/mock-replies.ts';
import { chat, KEYS, messages, type Rig, startRig, type TierName } from '../support/rig.ts';
import { parseSse } from '../support/sse.ts';
import { within } from '../support/within.ts';

const CONFIG = `
limits: { keepAliveSeconds: 0.2 }
backends: { internal: { kind: internal, maxInFlight: 1, maxQueued: 3, queueSeconds: 1.5 } }
`;

let rig: Rig;
before(async () => {
  rig = await startRig({}, CONFIG);
});
after(() => rig.close());
beforeEach(() => rig.internal.reset());

const waiting = async () => {
  const health = (await (await rig.get('/health')).json()) as { backends: { internal: { waiting: number } } };
  return health.backends.internal.waiting;
};
const queued = (count: number) =>
  within(
    3000,
    `${count} requests in line`,
    (async () => {
      while ((await waiting()) !== count) await pause(10);
    })(),
  );
const standing = async (tier: TierName) =>
  (await (await rig.get('/quota', tier)).json()) as { readonly used: number; readonly pending: number };

/** Occupies the only place until it is told to let go. */
async function occupy(): Promise<{ release(): Promise<void> }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { stream } = openaiStream({ text: 'I was here first.' });
  const number = rig.internal.requests.length + 1;
  rig.internal.reply({ steps: [...stream.slice(0, 3), promise, ...stream.slice(3)] });
  const answered = rig.post('/v1/chat/completions', 'enterprise', chat('qwen3-32b', { stream: true }));
  await rig.internal.request(number);
  return {
    async release() {
      resolve();
      assert.match(await (await answered).text(), /\[DONE\]/);
    },
  };
}

for (const [path, request, ping] of [
  ['/v1/messages', messages('qwen3-32b', { stream: true }), /event: ping\ndata: \{"type":"ping"\}\n\n/],
  ['/v1/chat/completions', chat('qwen3-32b', { stream: true }), /: keepalive\n\n/],
] as const) {
  test(`${path}: whoever waits is kept company, then answered, and counted once`, async () => {
    const { used } = await standing('pro');
    const first = await occupy();
    rig.internal.say({ text: 'Now you.' });
    const response = await rig.post(path, 'pro', request);
    assert.equal(response.status, 200, 'the stream is open while its request waits');
    assert.equal(response.headers.get('x-gateway-model-served'), 'qwen3-32b');
    assert.equal(response.headers.get('x-gateway-backend'), 'internal');
    assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    assert.deepEqual(await standing('pro'), { ...(await standing('pro')), used, pending: 1 });
    assert.equal(rig.internal.requests.length, 1, 'the backend knows nothing of it yet');
    await first.release();
    const text = await response.text();
    assert.match(text, ping);
    assert.match(text, /Now/);
    assert.ok(parseSse(text).length > 3);
    assert.doesNotMatch(text, /"error"/);
    assert.deepEqual(await standing('pro'), { ...(await standing('pro')), used: used + 1, pending: 0 });
    rig.assertPlayed();
  });

  test(`${path}: whoever waited too long is told so in the stream, and nothing is charged`, async () => {
    const { used } = await standing('pro');
    const first = await occupy();
    const response = await rig.post(path, 'pro', request);
    const text = await within(4000, 'the end of the wait', response.text());
    const last = parseSse(text).at(-1);
    assert.match(last?.data ?? '', /is busy and too many requests wait for it; nothing was charged/);
    await first.release();
    assert.deepEqual(await standing('pro'), { ...(await standing('pro')), used, pending: 0 });
    assert.equal(rig.internal.requests.length, 1);
    rig.assertPlayed();
  });
}

test('beyond the bound: 529 or 503 at once, with a short retry-after, nothing charged, nobody asked', async () => {
  const { used } = await standing('pro');
  const first = await occupy();
  const client = new AbortController();
  const waits = [1, 2, 3].map(() =>
    fetch(`${rig.gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEYS.enterprise}`, 'content-type': 'application/json' },
      body: JSON.stringify(chat('qwen3-32b')),
      signal: client.signal,
    }).catch(() => null),
  );
  await queued(3);
  for (const [path, body, status] of [
    ['/v1/messages', messages('qwen3-32b', { stream: true }), 529],
    ['/v1/chat/completions', chat('qwen3-32b', { stream: true }), 503],
  ] as const) {
    const response = await rig.post(path, 'pro', body);
    assert.equal(response.status, status);
    assert.equal(response.headers.get('retry-after'), '2');
    assert.match(await response.text(), /"internal\\" is busy/);
  }
  client.abort();
  await Promise.all(waits);
  await queued(0);
  assert.deepEqual(await standing('pro'), { ...(await standing('pro')), used, pending: 0 });
  assert.equal(rig.internal.requests.length, 1);
  await first.release();
  rig.assertPlayed();
});

test('a client that leaves the line is gone from it at once, and the next is served', async () => {
  const { used } = await standing('pro');
  const first = await occupy();
  const client = new AbortController();
  const left = fetch(`${rig.gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEYS.pro}`, 'content-type': 'application/json' },
    body: JSON.stringify(messages('qwen3-32b')),
    signal: client.signal,
  });
  await queued(1);
  client.abort();
  await assert.rejects(left);
  await queued(0);
  rig.internal.say({ text: 'Next.' });
  const next = rig.post('/v1/messages', 'pro', messages('qwen3-32b'));
  await queued(1);
  await first.release();
  assert.match(await (await next).text(), /Next\./);
  assert.deepEqual(await standing('pro'), { ...(await standing('pro')), used: used + 1, pending: 0 });
  assert.equal(rig.internal.requests.length, 2);
  rig.assertPlayed();
});

test('people come before titles, whoever came first', async () => {
  const first = await occupy();
  rig.internal.say({ text: 'one' }, { text: 'two' });
  const order: string[] = [];
  const ask = async (name: string, headers: Record<string, string>) => {
    await (await rig.post('/v1/messages', 'enterprise', messages('qwen3-32b'), headers)).text();
    order.push(name);
  };
  const title = ask('title', { 'x-gateway-priority': 'background' });
  await queued(1);
  const person = ask('person', {});
  await queued(2);
  await first.release();
  await Promise.all([title, person]);
  assert.deepEqual(order, ['person', 'title']);
  rig.assertPlayed();
});

test('the line is in the metrics', async () => {
  const first = await occupy();
  rig.internal.say({ text: 'later' });
  const later = rig.post('/v1/messages', 'enterprise', messages('qwen3-32b'));
  await queued(1);
  const metrics = await (await fetch(`${rig.gateway.metricsUrl}/metrics`)).text();
  assert.match(metrics, /gateway_backend_requests_waiting\{backend="internal"\} 1/);
  assert.match(metrics, /gateway_backend_requests_in_flight\{backend="internal",replica="0"\} 1/);
  await first.release();
  await (await later).text();
  rig.assertPlayed();
});
