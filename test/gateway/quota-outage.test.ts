/** What a caller, an operator and a monitor see while the quota store is away and afterwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ONE_TARGET_PLAN } from '../support/one-target-plan.ts';
import { KEYS, messages, type Rig, startRig } from '../support/rig.ts';
import { skipBecause } from '../support/skip.ts';
import { findValkey, startValkey, type ValkeyServer } from '../support/valkey-server.ts';

const program = findValkey();
const skip =
  program === null ? skipBecause('no valkey-server or redis-server: an outage of the quota store') : false;

interface Seen {
  readonly health: string;
  readonly up: string | undefined;
  readonly unsettled: string | undefined;
}

async function see({ gateway }: Rig): Promise<Seen> {
  const health = (await (await fetch(`${gateway.url}/health`)).json()) as { dependencies: { quota: string } };
  const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text();
  const gauge = (name: string) => new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)?.[1];
  return {
    health: health.dependencies.quota,
    up: gauge('gateway_quota_store_up'),
    unsettled: gauge('gateway_quota_unsettled_requests'),
  };
}

async function usedBy(rig: Rig): Promise<number | null> {
  const response = await rig.get('/quota', 'free');
  return response.status === 200 ? ((await response.json()) as { used: number }).used : null;
}

test('an outage lets a fifth of the limit through, says so everywhere, and is charged when it is over', {
  skip,
}, async () => {
  await using valkey = await startValkey(program ?? '');
  const rig = await startRig({ QUOTA_REDIS_URL: valkey.url });
  const ask = async () => {
    const response = await rig.post('/v1/messages', 'free', messages('claude-haiku-5-5'));
    return {
      status: response.status,
      text: await response.text(),
      store: response.headers.get('x-gateway-quota-store'),
    };
  };
  try {
    rig.internal.say({}, {}, {});
    assert.deepEqual([(await ask()).status, await usedBy(rig)], [200, 1]);
    await valkey.stop('SIGKILL');
    const answers = [await ask(), await ask(), await ask()];
    assert.deepEqual(
      answers.map(({ status, store }) => [status, store]),
      [
        [200, 'degraded'],
        [200, 'degraded'],
        [503, null],
      ],
    );
    assert.match(answers[2]?.text ?? '', /nothing was started and nothing was charged/);
    assert.deepEqual(await see(rig), { health: 'degraded', up: '0', unsettled: '2' });
    await valkey.start();
    for (let tries = 0; (await usedBy(rig)) !== 3; tries++) {
      assert.ok(tries < 200, 'the charges did not come');
      await pause(50);
    }
    assert.deepEqual(await see(rig), { health: 'ok', up: '1', unsettled: '0' });
    rig.assertPlayed();
    assert.doesNotMatch(rig.gateway.stderr(), new RegExp(Object.values(KEYS).join('|')));
  } finally {
    await rig.close();
  }
});

/**
 * The wait for a store that says nothing is 90 ms. A machine whose cores are all taken adds to each request what other
 * processes take, several hundred milliseconds at times, so the bound leaves that room: it tells a wait of 90 ms from a
 * deadline of seconds, as a client of the store or a kernel would set. `npm run faults:quota` prints the figures.
 */
const ROOM = 500;

for (const [how, goAway, comeBack] of [
  ['is stopped (SIGSTOP)', (valkey) => valkey.signal('SIGSTOP'), (valkey) => valkey.signal('SIGCONT')],
  ['refuses connections', (valkey) => valkey.stop('SIGKILL'), (valkey) => valkey.start()],
] satisfies [string, ...((valkey: ValkeyServer) => unknown)[]][]) {
  test(`a store that ${how} adds at most a tenth of a second to a request, and nothing to those after it`, {
    skip,
  }, async (t) => {
    await using valkey = await startValkey(program ?? '');
    const rig = await startRig(
      { QUOTA_REDIS_URL: valkey.url },
      `${ONE_TARGET_PLAN}quota: { onStoreFailure: bounded, outageGrant: 1 }\n`,
    );
    const timed = async () => {
      rig.internal.say({});
      const begun = performance.now();
      const response = await rig.post('/v1/messages', 'free', messages('claude-haiku-5-5'));
      await response.text();
      assert.equal(response.status, 200);
      return performance.now() - begun;
    };
    try {
      const usual = [await timed(), await timed(), await timed()];
      await goAway(valkey);
      const first = await timed();
      const later = [await timed(), await timed(), await timed()];
      const before = Math.min(...usual);
      const figures = [first, Math.min(...later)].map((ms) => Math.round(ms - before));
      t.diagnostic(`added to a request of ${Math.round(before)} ms: ${figures.join(' ms, then ')} ms`);
      assert.ok(first < before + 90 + ROOM, `${Math.round(first)} ms after ${Math.round(before)} ms`);
      assert.ok(Math.min(...later) < before + ROOM, 'later requests do not ask the store');
      await comeBack(valkey);
      for (let tries = 0; (await usedBy(rig)) !== 7; tries++) {
        assert.ok(tries < 200, 'the charges did not come');
        await pause(50);
      }
      rig.assertPlayed();
    } finally {
      valkey.signal('SIGCONT');
      await rig.close();
    }
  });
}

test('in shadow mode what would be refused is answered, marked and counted', async () => {
  const rig = await startRig(
    {},
    `quota: { mode: shadow }
tiers:
  free: { rank: 1, requestsPerDay: 1, routes: [{ match: claude, to: internal/default }] }
  pro: { rank: 2, requestsPerDay: 1, routes: [{ match: claude, to: internal/default }] }
  enterprise: { rank: 3, requestsPerDay: 1, routes: [{ match: claude, to: internal/default }] }
`,
  );
  try {
    rig.internal.say({}, {});
    const marks: unknown[] = [];
    for (let count = 0; count < 2; count++) {
      const response = await rig.post('/v1/messages', 'free', messages('claude-haiku-5-5'));
      await response.text();
      marks.push([response.status, response.headers.get('x-gateway-quota-shadow')]);
    }
    assert.deepEqual(marks, [
      [200, null],
      [200, 'would-refuse'],
    ]);
    const metrics = await (await fetch(`${rig.gateway.metricsUrl}/metrics`)).text();
    assert.match(metrics, /^gateway_quota_shadow_refusals_total\{tier="free"\} 1$/m);
    assert.equal(await usedBy(rig), 2);
    rig.assertPlayed();
  } finally {
    await rig.close();
  }
});
