import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadConfig } from '../../src/config/load.ts';
import { GatewayError } from '../../src/errors.ts';
import { type Backends, chooseRoute, namedBackends } from '../../src/routing/choose-route.ts';
import type { Tier } from '../../src/types.ts';
import { termsOf } from '../quota/plain-terms.ts';

function defaultTier(name: 'free' | 'pro' | 'enterprise'): Tier {
  const loaded = loadConfig({ env: {}, readFile: () => '' });
  assert.ok(loaded.ok);
  const tier = loaded.config.tiers[name];
  assert.ok(tier);
  return {
    name,
    rank: tier.rank,
    routes: tier.routes,
    terms: termsOf({ limit: 1 }),
  };
}

const ALL: Backends = new Map([
  [
    'internal',
    { urls: ['http://a', 'http://b'], defaultModel: 'qwen3-32b', models: ['qwen3-32b', 'gpt-oss-20b'] },
  ],
  ['claude', { urls: ['http://c'], defaultModel: null, models: [] }],
  ['openai', { urls: ['http://o'], defaultModel: null, models: ['text-embedding-3-small'] }],
  ['axon', { urls: ['http://x'], defaultModel: null, models: ['fast', 'gpt-oss-20b'] }],
]);
const INTERNAL_ONLY: Backends = new Map([...ALL].slice(0, 1));

/** tier, asked model, backend, model sent, reason */
const TABLE: readonly ['free' | 'pro' | 'enterprise', string, string, string, string][] = [
  ['free', 'claude-3-opus', 'internal', 'qwen3-32b', 'tier-rule'],
  ['free', 'claude-opus-99', 'internal', 'qwen3-32b', 'tier-rule'],
  ['free', 'claude-haiku-5-5', 'internal', 'qwen3-32b', 'tier-rule'],
  ['free', 'gpt-4', 'internal', 'qwen3-32b', 'tier-rule'],
  ['free', 'qwen3-32b', 'internal', 'qwen3-32b', 'as-requested'],
  ['free', 'gpt-oss-20b', 'internal', 'gpt-oss-20b', 'as-requested'],
  ['pro', 'claude-3-opus', 'claude', 'claude-haiku-5-5', 'tier-rule'],
  ['pro', 'claude-sonnet-5-5[1m]', 'claude', 'claude-haiku-5-5', 'tier-rule'],
  ['pro', 'claude-haiku-4-5-20251001', 'claude', 'claude-haiku-4-5-20251001', 'as-requested'],
  ['pro', 'gpt-5', 'internal', 'qwen3-32b', 'tier-rule'],
  ['enterprise', 'claude-opus-5-5', 'claude', 'claude-opus-5-5', 'as-requested'],
  ['enterprise', 'gpt-5', 'openai', 'gpt-5', 'as-requested'],
  ['enterprise', 'text-embedding-3-small', 'openai', 'text-embedding-3-small', 'as-requested'],
  ['enterprise', 'axon/fast', 'axon', 'fast', 'as-requested'],
  ['enterprise', 'fast', 'axon', 'fast', 'as-requested'],
  ['enterprise', 'gpt-oss-20b', 'internal', 'gpt-oss-20b', 'as-requested'],
  ['enterprise', 'axon/gpt-oss-20b', 'axon', 'gpt-oss-20b', 'as-requested'],
];

for (const [tier, asked, backend, served, reason] of TABLE) {
  test(`${tier} asking for "${asked}" gets "${served}" from ${backend}`, () => {
    const route = chooseRoute(defaultTier(tier), asked, ALL);
    assert.equal(route.candidates[0].backend, backend);
    assert.equal(route.served, served);
    assert.equal(route.reason, reason);
    assert.equal(route.requested, asked);
  });
}

test('every replica of the backend is a candidate, in the configured order', () => {
  const { candidates } = chooseRoute(defaultTier('free'), 'gpt-4', ALL);
  assert.deepEqual(
    candidates.map(({ url }) => url),
    ['http://a', 'http://b'],
  );
});

test('without a Claude backend the internal model serves, and says why', () => {
  for (const tier of ['pro', 'enterprise'] as const) {
    const route = chooseRoute(defaultTier(tier), 'claude-haiku-5-5', INTERNAL_ONLY);
    assert.equal(route.served, 'qwen3-32b');
    assert.equal(route.reason, 'backend-not-configured');
  }
});

for (const [tier, asked] of [
  ['free', 'mistral-large'],
  ['free', 'axon/fast'],
  ['free', 'text-embedding-3-small'],
  ['pro', 'fast'],
  ['pro', 'axon/claude-opus-5-5'],
  ['enterprise', 'no-such-model'],
] as const) {
  test(`${tier} asking for "${asked}" is refused`, () => {
    assert.throws(
      () => chooseRoute(defaultTier(tier), asked, ALL),
      (error) => error instanceof GatewayError && error.code === 'model_not_found',
    );
  });
}

test('what is no model name is refused as such', () => {
  for (const odd of [undefined, null, 7, '', 'a b', 'x'.repeat(300), ['gpt-4'], { a: 1 }]) {
    assert.throws(
      () => chooseRoute(defaultTier('enterprise'), odd, ALL),
      (error) => error instanceof GatewayError && error.code === 'invalid_request',
    );
  }
});

test('a backend that has not told its models yet is a failure of the backend, not of the caller', () => {
  const unknown: Backends = new Map([['internal', { urls: ['http://a'], defaultModel: null, models: [] }]]);
  assert.throws(
    () => chooseRoute(defaultTier('free'), 'gpt-4', unknown),
    (error) =>
      error instanceof GatewayError && error.code === 'backend_unreachable' && error.details.status === 503,
  );
});

test('a tier asks about the backends whose models its rules name, and no others', () => {
  assert.deepEqual(namedBackends(defaultTier('free')), ['internal']);
  assert.deepEqual(namedBackends(defaultTier('enterprise')), ['internal', 'openai', 'axon']);
});

const fragments = fc.constantFrom(
  'claude',
  'gpt',
  'opus',
  'haiku',
  'sonnet',
  'fable',
  'qwen3-32b',
  'axon',
  'internal',
  'openai',
  'anthropic',
  '4',
  '5-5',
  '20251001',
  '[1m]',
  '/',
  '-',
  '.',
  '..',
  ':',
  '@',
  '%2f',
  '\\',
  '*',
  'latest',
  'o3',
); // prettier-ignore

test('no name, however odd, brings a free user anywhere but to the internal model', () => {
  const tier = defaultTier('free');
  fc.assert(
    fc.property(fc.array(fragments, { minLength: 1, maxLength: 9 }), (words) => {
      const backends = backendsReached(tier, words.join(''));
      assert.ok(backends.every((backend) => backend === 'internal'));
    }),
    { numRuns: 5000 },
  );
});

test('no name, however odd, brings a pro user to a Claude model that is no Haiku, to OpenAI or to Axon', () => {
  const tier = defaultTier('pro');
  fc.assert(
    fc.property(fc.array(fragments, { minLength: 1, maxLength: 9 }), (words) => {
      const route = tryRoute(tier, words.join(''));
      if (route === null || route.candidates[0].backend === 'internal') return;
      assert.equal(route.candidates[0].backend, 'claude');
      assert.match(route.served, /^claude-(?:\d+(?:[-.]\d+)?-)?haiku(?:[-@.:\dv]|latest)*$/);
    }),
    { numRuns: 5000 },
  );
});

function tryRoute(tier: Tier, name: string) {
  try {
    return chooseRoute(tier, name, ALL);
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    return null;
  }
}

function backendsReached(tier: Tier, name: string): string[] {
  return tryRoute(tier, name)?.candidates.map(({ backend }) => backend) ?? [];
}

test('who wants to know why is told of every rule up to the one that decided, by the same function', () => {
  const seen: (readonly [string, boolean])[] = [];
  const rules = [
    { match: 'gpt', to: [{ backend: 'openai' }] },
    { match: 'claude:haiku', to: [{ backend: 'nowhere' }] },
    { match: 'claude', to: [{ backend: 'claude' }] },
    { match: '*', to: [{ backend: 'claude' }] },
  ];
  const backends = new Map([['claude', { urls: ['http://claude'], defaultModel: null, models: [] }]]);
  const tier = { name: 'pro', rank: 1, routes: rules } as unknown as Parameters<typeof chooseRoute>[0];
  const route = chooseRoute(tier, 'claude-haiku-5-5', backends, ({ match }, fits) =>
    seen.push([match, fits]),
  );
  assert.equal(route.candidates[0].backend, 'claude');
  assert.deepEqual(seen, [
    ['gpt', false],
    ['claude:haiku', true],
    ['claude', true],
  ]);
});
