import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller } from '../../src/upstream/call.ts';
import { createCatalogue } from '../../src/upstream/catalogue.ts';
import { createWindowOf, describeBackends } from '../../src/upstream/describe-backends.ts';
import { type BackendSettings, toBackend } from '../../src/upstream/kinds.ts';

const backend = (more: Partial<BackendSettings> = {}) =>
  toBackend({ name: 'internal', kind: 'internal', urls: ['http://host'], maxOutputTokens: 100, ...more });

/** A caller that gives the lists in turn; `null` is a backend that does not answer. */
function callerOf(...lists: readonly unknown[]): Caller & { readonly urls: string[] } {
  const left = [...lists];
  const urls: string[] = [];
  return {
    urls,
    call({ url }) {
      urls.push(url);
      const list = left.shift() ?? null;
      if (list === null) return Promise.reject(new Error('silent'));
      const body = (async function* () {
        yield new TextEncoder().encode(JSON.stringify({ object: 'list', data: list }));
      })();
      return Promise.resolve({ status: 200, headers: {}, body });
    },
    close: () => Promise.resolve(),
  };
}

async function factsAfter(list: unknown, more: Partial<BackendSettings> = {}) {
  const one = backend(more);
  const catalogue = createCatalogue([one], callerOf(list), () => 0);
  await catalogue.models();
  return describeBackends([one], catalogue.known()).internal;
}

for (const [server, entry, window] of [
  ['vllm', { id: 'm', owned_by: 'vllm', max_model_len: 40_960 }, 40_960],
  ['sglang', { id: 'm', owned_by: 'sglang', max_model_len: 32_768 }, 32_768],
  ['llamacpp', { id: 'm', owned_by: 'llamacpp', meta: { n_ctx: 4096, n_ctx_train: 8192 } }, 4096],
  ['llamacpp', { id: 'm', owned_by: 'llamacpp', meta: { n_ctx_train: 8192 } }, 8192],
  [null, { id: 'm', owned_by: 'someone', context_window: 131_072 }, 131_072],
  [null, { id: 'm', context_length: 200_000 }, 200_000],
  [null, { id: 'm', max_context_length: 32_000 }, 32_000],
  [null, { id: 'm', owned_by: 'mock', meta: null, max_model_len: 'many' }, null],
] as const) {
  test(`a list of models like ${JSON.stringify(entry)} is understood`, async () => {
    assert.deepEqual(await factsAfter([entry]), {
      kind: 'internal',
      format: 'openai',
      profile: 'vllm',
      profile_changes: [],
      server,
      model: 'm',
      context_window: window,
      source: { format: 'kind', model: 'detected', context_window: window === null ? null : 'detected' },
    });
  });
}

test('what is configured counts before what was detected, and is shown as such', async () => {
  const facts = await factsAfter([{ id: 'm', max_model_len: 40_960 }], {
    model: 'm',
    format: 'anthropic',
    contextWindow: 16_384,
    profile: { base: 'generic', maxContext: 1000 },
  });
  assert.equal(facts?.context_window, 16_384);
  assert.equal(facts?.profile, 'generic');
  assert.deepEqual(facts?.profile_changes, ['maxContext']);
  assert.deepEqual(facts?.source, {
    format: 'configured',
    model: 'configured',
    context_window: 'configured',
  });
});

test('the profile’s window counts where nobody else says one', async () => {
  const facts = await factsAfter([{ id: 'm' }], { profile: { maxContext: 1000 } });
  assert.equal(facts?.context_window, 1000);
  assert.equal(facts?.source.context_window, 'profile');
});

test('a backend that was never heard of is shown with nothing detected, and is not asked for that', () => {
  const one = backend();
  const caller = callerOf();
  const catalogue = createCatalogue([one], caller, () => 0);
  const facts = describeBackends([one], catalogue.known()).internal;
  assert.equal(facts?.model, null);
  assert.equal(facts?.source.model, null);
  assert.deepEqual(caller.urls, []);
});

test('the window of each model is its own', async () => {
  const one = backend();
  const lists = [
    { id: 'small', max_model_len: 8192 },
    { id: 'large', max_model_len: 131_072 },
  ];
  const catalogue = createCatalogue([one], callerOf(lists), () => 0);
  const windowOf = createWindowOf(catalogue.known);
  const candidate = (model: string) => ({ backend: 'internal', url: 'http://host', model });
  assert.equal(windowOf(one, candidate('large')), null);
  await catalogue.models();
  assert.equal(windowOf(one, candidate('large')), 131_072);
  assert.equal(windowOf(one, candidate('small')), 8192);
  assert.equal(windowOf(one, candidate('other')), null);
});

test('a list is asked for again after five minutes, after ten seconds where the backend was silent, and kept meanwhile', async () => {
  const one = backend();
  const caller = callerOf([{ id: 'old' }], null, [{ id: 'new' }]);
  let now = 0;
  const catalogue = createCatalogue([one], caller, () => now);
  const ask = async () => {
    await catalogue.models();
    // What is asked in the background is over when the same question is answered.
    await new Promise(setImmediate);
    return catalogue.known().get('internal')?.defaultModel;
  };
  assert.equal(await ask(), 'old');
  now += 300_000;
  assert.equal(await ask(), 'old');
  assert.equal(caller.urls.length, 1);
  now += 1;
  assert.equal(await ask(), 'old');
  assert.deepEqual(catalogue.silent(), ['internal']);
  now += 10_000;
  assert.equal(await ask(), 'old');
  assert.equal(caller.urls.length, 2);
  now += 1;
  assert.equal(await ask(), 'new');
  assert.deepEqual(catalogue.silent(), []);
});

test('of several replicas the first that answers gives the list', async () => {
  const one = backend({ urls: ['http://down', 'http://up'] });
  const caller = callerOf(null, [{ id: 'm' }]);
  const catalogue = createCatalogue([one], caller, () => 0);
  assert.equal((await catalogue.models()).get('internal')?.defaultModel, 'm');
  assert.deepEqual(caller.urls, ['http://down/v1/models', 'http://up/v1/models']);
});

test('configured models are not asked for', async () => {
  const one = backend({ models: ['a', 'b'] });
  const caller = callerOf();
  const catalogue = createCatalogue([one], caller, () => 0);
  assert.deepEqual((await catalogue.models()).get('internal')?.models, ['a', 'b']);
  assert.deepEqual(caller.urls, []);
});
