/** Ends, blocks, and limits of the machine (platform.md D3, rows 53, 56, 57 and 58). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { anthropicStream, openaiStream } from '../support/mock-replies.ts';
import { chat, KEYS, messages, type Rig, startRig } from '../support/rig.ts';
import { skipBecause } from '../support/skip.ts';
import { assertAnthropicStream, parseSse } from '../support/sse.ts';
import { within } from '../support/within.ts';
import { descriptorsOf, hasProc, memoryOf } from './process-facts.ts';
import { dial, request } from './raw-client.ts';

const skip = !hasProc && skipBecause('descriptors of a process are read from /proc: exhaustion and leaks');

test('SIGTERM with a hundred open streams cuts none of them', async () => {
  const rig = await startRig({}, 'server: { drainDelaySeconds: 0.2, drainSeconds: 20 }\n');
  try {
    const { stream } = anthropicStream({ text: 'slow but whole' });
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.claude.reply(
      ...Array.from({ length: 100 }, () => ({ steps: [...stream.slice(0, 4), promise, ...stream.slice(4)] })),
    );
    const responses = await Promise.all(
      Array.from({ length: 100 }, () =>
        rig.post('/v1/messages', 'enterprise', messages('claude-opus-5-5', { stream: true })),
      ),
    );
    const stopped = rig.gateway.stop('SIGTERM');
    while ((await rig.get('/readyz')).status !== 503) await pause(10);
    await pause(500);
    resolve();
    const texts = await within(15_000, 'all streams', Promise.all(responses.map((one) => one.text())));
    for (const text of texts) assertAnthropicStream(parseSse(text));
    assert.equal((await within(10_000, 'the exit', stopped)).code, 0);
    rig.assertPlayed();
  } finally {
    await rig.close();
  }
});

test('a process that stands still loses nothing when it goes on', async () => {
  const rig = await startRig();
  try {
    const { stream } = openaiStream({ text: 'before and after' });
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.internal.reply({ steps: [...stream.slice(0, 3), promise, ...stream.slice(3)] });
    const response = await rig.post('/v1/chat/completions', 'free', chat('gpt-5', { stream: true }));
    process.kill(rig.gateway.pid, 'SIGSTOP');
    const probe = rig.get('/livez');
    const answered = await Promise.race([probe.then(() => true), pause(500, false)]);
    assert.equal(answered, false, 'a standing process does not say that it lives');
    resolve();
    process.kill(rig.gateway.pid, 'SIGCONT');
    assert.equal((await within(5000, 'the probe', probe)).status, 200);
    assert.match(await within(5000, 'the stream', response.text()), /\[DONE\]/);
  } finally {
    process.kill(rig.gateway.pid, 'SIGCONT');
    await rig.close();
  }
});

test('proxies of the environment are not used for backends', async () => {
  const proxy = 'http://127.0.0.1:1';
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY'];
  const env = Object.fromEntries(names.map((name) => [name, proxy]));
  const rig = await startRig({ ...env, NODE_USE_ENV_PROXY: '1' });
  try {
    rig.internal.say({});
    const response = await rig.post('/v1/messages', 'free', messages('gpt-5'));
    assert.equal(response.status, 200, await response.text());
  } finally {
    await rig.close();
  }
});

test('with all descriptors in use the gateway refuses for a while and recovers', { skip }, async () => {
  const gateway = await startGatewayProcess({
    env: { STATIC_KEYS: `${KEYS.enterprise}=e:enterprise` },
    through: ['sh', '-c', 'ulimit -n 256 && exec "$@"', 'sh'],
  });
  try {
    const ask = () =>
      fetch(`${gateway.url}/v1/messages`, {
        method: 'POST',
        headers: { 'x-api-key': KEYS.enterprise, 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify(messages('claude-opus-5-5')),
      }).then(
        async (response) => ({ status: response.status, text: await response.text() }),
        () => ({ status: 0, text: '' }),
      );
    assert.equal((await ask()).status, 200);
    const sockets = (
      await Promise.all(
        Array.from({ length: 400 }, () => within(5000, 'a connection', dial(gateway.url)).catch(() => null)),
      )
    ).filter((socket) => socket !== null);
    await pause(300);
    assert.ok(descriptorsOf(gateway.pid) >= 250, `${descriptorsOf(gateway.pid)} descriptors are open`);
    const during = await Promise.all(Array.from({ length: 20 }, ask));
    for (const { status, text } of during) {
      assert.ok([0, 200, 500, 502, 503].includes(status), String(status));
      if (status !== 0 && status !== 200) assert.ok((JSON.parse(text) as { error: unknown }).error);
    }
    for (const socket of sockets) socket.destroy();
    await within(
      10_000,
      'recovery',
      (async () => {
        while ((await ask()).status !== 200) await pause(100);
      })(),
    );
    for (let round = 0; round < 20; round++) assert.equal((await ask()).status, 200);
    for (const line of gateway.stderr().trim().split('\n')) JSON.parse(line);
  } finally {
    await gateway.kill();
  }
});

test('who leaves while metrics are written does no harm', async () => {
  const gateway = await startGatewayProcess();
  try {
    for (let round = 0; round < 5; round++) {
      const sockets = await Promise.all(Array.from({ length: 50 }, () => dial(gateway.metricsUrl)));
      for (const socket of sockets)
        socket.write(request({ path: '/metrics' }), () => socket.resetAndDestroy());
    }
    assert.equal((await fetch(`${gateway.metricsUrl}/metrics`)).status, 200);
  } finally {
    await gateway.kill();
  }
});

/** One client of many: a request that may be anything, ended in any way. */
async function trouble(rig: Rig, number: number): Promise<void> {
  const path = number % 2 === 0 ? '/v1/messages' : '/v1/chat/completions';
  const make = number % 2 === 0 ? messages : chat;
  const leaving = new AbortController();
  if (number % 5 === 0) setTimeout(() => leaving.abort(), number % 37);
  const broken = number % 11 === 0;
  await fetch(rig.gateway.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${number % 13 === 0 ? 'nobody' : KEYS.enterprise}`,
      'content-type': 'application/json',
    },
    body: broken ? '{"model":' : JSON.stringify(make('qwen3-32b', { stream: number % 3 === 0 })),
    signal: leaving.signal,
  })
    .then((response) => response.text())
    .catch(() => undefined);
}

test('two thousand mixed requests and faults return descriptors, reservations and memory', {
  skip,
}, async () => {
  const rig = await startRig({}, 'limits: { firstByteSeconds: 1, betweenBytesSeconds: 1 }\n');
  try {
    const faults = [
      undefined,
      { beforeHeaders: 'reset' },
      { ...openaiStream(), cut: { afterFrames: 4, by: 'reset' } },
      { half: {} },
      { status: 500, body: '{}' },
      { status: 200, body: 'not JSON' },
    ] as const;
    const round = async () => {
      for (let from = 0; from < 1000; from += 50) {
        for (let number = 0; number < 50; number++) {
          const fault = faults[(from + number) % faults.length];
          if (fault === undefined) rig.internal.say({});
          else rig.internal.reply(fault);
        }
        await Promise.all(Array.from({ length: 50 }, (_, number) => trouble(rig, from + number)));
        rig.internal.reset();
      }
      await pause(1500);
    };
    await round();
    const before = { descriptors: descriptorsOf(rig.gateway.pid), memory: memoryOf(rig.gateway.pid) };
    await round();
    const standing = (await (await rig.get('/quota', 'enterprise')).json()) as { pending: number };
    assert.equal(standing.pending, 0);
    const metrics = await (await fetch(`${rig.gateway.metricsUrl}/metrics`)).text();
    assert.match(metrics, /^gateway_requests_in_flight 0$/m);
    const growth = memoryOf(rig.gateway.pid) - before.memory;
    assert.ok(descriptorsOf(rig.gateway.pid) - before.descriptors < 60, 'descriptors return');
    assert.ok(growth < 60_000_000, `${growth} bytes more are in use`);
    assert.doesNotMatch(rig.gateway.stderr(), /uncaught/);
  } finally {
    await rig.close();
  }
});
