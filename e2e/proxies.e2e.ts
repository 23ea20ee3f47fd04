/** The gateway behind nginx and HAProxy, configured as deploy/proxies/ says: nothing is held back, nothing is lost. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SERVICE_SECRET, startFakeRealm } from '../test/support/fake-realm.ts';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway-process.ts';
import { type MockBackend, startMockBackend } from '../test/support/mock-backend.ts';
import { anthropicStream, openaiStream } from '../test/support/mock-replies.ts';
import { chat, KEYS, messages, startRig } from '../test/support/rig.ts';
import { skipBecause } from '../test/support/skip.ts';
import { findValkey, freePort, startValkey } from '../test/support/valkey-server.ts';
import { within } from '../test/support/within.ts';
import { isInstalled, type ProxyName, type ProxyProcess, startProxy } from './support/proxy-process.ts';

const post = (proxy: ProxyProcess, path: string, body: unknown, more: RequestInit = {}) =>
  fetch(proxy.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEYS.enterprise}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...more,
  });

/** The status of an empty form sent from one of this machine's own addresses. */
function statusAs(url: string, localAddress: string, headers: Record<string, string>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const type = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '0' };
  request(url, { method: 'POST', localAddress, headers: { ...type, ...headers } }, (response) => {
    response.resume().on('end', () => resolve(response.statusCode ?? 0));
  })
    .on('error', reject)
    .end();
  return promise;
}

/** Two gateways that count in one Valkey, and a backend whose answers take a moment. */
async function startPair(
  t: TestContext,
  valkeyServer: string,
): Promise<{ start(port: number): Promise<GatewayProcess>; backend: MockBackend }> {
  const valkey = await startValkey(valkeyServer);
  t.after(() => valkey[Symbol.asyncDispose]());
  const backend = await startMockBackend({ dialect: 'openai', models: ['qwen3-32b'], credential: null });
  t.after(() => backend.close());
  const start = async (port: number) => {
    const gateway = await startGatewayProcess({
      env: {
        PORT: String(port),
        INTERNAL_LLM_URL: backend.v1,
        QUOTA_REDIS_URL: valkey.url,
        STATIC_KEYS: 'canary-key-enterprise=ann:limited',
      },
      configYaml:
        'tiers: { limited: { rank: 0, requestsPerDay: 1000000, routes: [{ match: "*", to: internal/default }] } }\n' +
        'server: { drainDelaySeconds: 4, drainSeconds: 20 }\n',
    });
    t.after(() => gateway.kill());
    return gateway;
  };
  return { start, backend };
}

for (const name of ['nginx', 'haproxy'] as const satisfies readonly ProxyName[]) {
  const skip = isInstalled(name) ? false : skipBecause(`${name} is not installed (apt-get install ${name})`);

  test(`${name}: each event arrives before the next one is sent`, { skip, timeout: 60_000 }, async () => {
    const rig = await startRig();
    const proxy = await startProxy(name, [rig.gateway.url]);
    try {
      for (const [path, body, stream, mock] of [
        ['/v1/messages', messages('claude-opus-5-5', { stream: true }), anthropicStream(), rig.claude],
        ['/v1/chat/completions', chat('gpt-5', { stream: true }), openaiStream(), rig.openai],
        // Translated, so that the events are the gateway's own.
        ['/v1/messages', messages('qwen3-32b', { stream: true }), openaiStream(), rig.internal],
      ] as const) {
        const gates = stream.stream.map(() => Promise.withResolvers<void>());
        const steps = stream.stream.flatMap((frame, index) => [
          frame,
          gates[index]?.promise ?? Promise.resolve(),
        ]);
        mock.reply({ steps });
        const asked = post(proxy, path, body);
        // All but the end is sent, and must be there while the end is still to come.
        for (const gate of gates.slice(0, -2)) {
          gate.resolve();
          await pause(30);
        }
        const response = await within(2000, 'the headers', asked);
        assert.equal(response.status, 200);
        const reader = response.body?.getReader();
        let seen = 0;
        while (seen < 200) {
          const read = await within(5000, 'an event', reader?.read() ?? Promise.reject());
          assert.equal(read.done, false);
          seen += read.value?.length ?? 0;
        }
        for (const gate of gates) gate.resolve();
        while (!(await within(5000, 'the end', reader?.read() ?? Promise.reject())).done);
      }
      rig.assertPlayed();
    } finally {
      await proxy.stop();
      await rig.close();
    }
  });

  test(`${name}: a client that leaves frees the backend within two seconds`, {
    skip,
    timeout: 60_000,
  }, async () => {
    const rig = await startRig();
    const proxy = await startProxy(name, [rig.gateway.url]);
    try {
      const { stream } = anthropicStream();
      rig.claude.reply(
        { steps: [...stream.slice(0, 4), new Promise(() => undefined)] },
        { beforeHeaders: 'stall' },
      );
      for (const number of [1, 2]) {
        const leave = new AbortController();
        const asked = post(proxy, '/v1/messages', messages('claude-opus-5-5', { stream: true }), {
          signal: leave.signal,
        }).catch(() => null);
        const request = await rig.claude.request(number);
        if (number === 1) await asked;
        leave.abort();
        assert.equal(await within(2000, 'the end at the backend', request.over), 'left');
        await asked;
      }
    } finally {
      await proxy.stop();
      await rig.close();
    }
  });

  test(`${name}: sign-in tries are counted by client, whatever addresses it claims`, {
    skip:
      skip || (process.platform !== 'linux' && skipBecause('one loopback address for each client: Linux')),
    timeout: 60_000,
  }, async () => {
    const realm = await startFakeRealm();
    const gateway = await startGatewayProcess({
      env: {
        AUTH_PROVIDER: 'keycloak',
        KEYCLOAK_URL: realm.issuer,
        KEYCLOAK_CLIENT_SECRET: SERVICE_SECRET,
        PUBLIC_URL: 'https://llm.example',
      },
      configYaml: 'server: { trustedProxies: [127.0.0.1] }\n',
    });
    const proxy = await startProxy(name, [gateway.url]);
    try {
      const beginAs = (localAddress: string, claimed: string) =>
        statusAs(`${proxy.url}/oauth/device_authorization`, localAddress, { 'x-forwarded-for': claimed });
      for (let tries = 0; tries < 300; tries++)
        assert.equal(await beginAs('127.0.0.2', `6.6.6.${tries % 250}`), 200);
      assert.equal(await beginAs('127.0.0.2', '127.0.0.3'), 429);
      assert.equal(await beginAs('127.0.0.3', '127.0.0.2'), 200, 'somebody else');
    } finally {
      await proxy.stop();
      await gateway.kill();
      await realm.close();
    }
  });

  test(`${name}: silence, long bodies, long tokens and refusals pass as they are`, {
    skip,
    timeout: 60_000,
  }, async () => {
    const rig = await startRig({}, 'limits: { keepAliveSeconds: 0.3, bodyBytes: 12000000 }\n');
    const proxy = await startProxy(name, [rig.gateway.url]);
    try {
      const { stream } = anthropicStream();
      rig.claude.reply({ steps: [...stream.slice(0, 4), pause(1500), ...stream.slice(4)] });
      const silent = await post(proxy, '/v1/messages', messages('claude-opus-5-5', { stream: true }));
      assert.ok((await silent.text()).split('event: ping').length > 3);

      rig.claude.say({});
      const long = messages('claude-opus-5-5', {
        messages: [{ role: 'user', content: 'x'.repeat(10_000_000) }],
      });
      assert.equal((await post(proxy, '/v1/messages', long)).status, 200);
      const longer = messages('claude-opus-5-5', {
        messages: [{ role: 'user', content: 'x'.repeat(13_000_000) }],
      });
      const refused = await post(proxy, '/v1/messages', longer);
      assert.equal(refused.status, 413);
      assert.equal(((await refused.json()) as { error: { type: string } }).error.type, 'request_too_large');

      const token = await fetch(`${proxy.url}/quota`, {
        headers: { authorization: `Bearer ${'t'.repeat(7000)}` },
      });
      assert.equal(token.status, 401);
      assert.match(await token.text(), /"type":/);
      rig.assertPlayed();
    } finally {
      await proxy.stop();
      await rig.close();
    }
  });

  const valkey = findValkey();
  const skipPair = skip === false && valkey === null ? skipBecause('no Valkey or Redis server') : skip;
  test(`${name}: a rolling restart of both gateways under load loses no request and no count`, {
    skip: skipPair,
    timeout: 120_000,
  }, async (t) => {
    const { start, backend } = await startPair(t, valkey ?? '');
    const ports = [await freePort(), await freePort()] as const;
    const before = [await start(ports[0]), await start(ports[1])] as const;
    const proxy = await startProxy(name, [before[0].url, before[1].url]);
    t.after(() => proxy.stop());
    backend.reply(
      ...Array.from({ length: 20_000 }, () => async () => {
        await pause(20 + Math.random() * 200);
        return openaiStream({ text: 'counted' });
      }),
    );
    const lost: string[] = [];
    let answered = 0;
    const over = new AbortController();
    const callers = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) {
        const text = await post(proxy, '/v1/messages', messages('gpt-5', { stream: true })).then(
          async (response) => `${response.status} ${await response.text()}`,
          (error: Error) => `no answer: ${error.cause ?? error}`,
        );
        if (text.startsWith('200 ') && text.includes('event: message_stop')) answered += 1;
        else lost.push(text.slice(0, 200));
      }
    });
    for (const [index, old] of before.entries()) {
      await pause(1000);
      assert.equal((await within(40_000, 'the exit', old.stop('SIGTERM'))).code, 0);
      // The next version takes the place of the old one.
      await start(ports[index] ?? 0);
      await pause(2500);
    }
    over.abort();
    await Promise.all(callers);
    assert.deepEqual(lost, []);
    assert.ok(answered > 100, `${answered} answers`);
    assert.equal(backend.requests.length, answered);
    const quota = await fetch(`${proxy.url}/quota`, {
      headers: { authorization: `Bearer ${KEYS.enterprise}` },
    });
    const { used, pending } = (await quota.json()) as { used: number; pending: number };
    assert.deepEqual([used, pending], [answered, 0]);
    t.diagnostic(`${answered} answers over two restarts, none lost, ${used} counted`);
  });
}
