import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROFILES } from '../../src/protocol/profile.ts';
import { type BackendKind, type BackendSettings, formatFor, toBackend } from '../../src/upstream/kinds.ts';

const backend = (kind: BackendKind, more: Partial<BackendSettings> = {}) =>
  toBackend({
    name: 'one',
    kind,
    urls: ['http://host'],
    maxOutputTokens: 100,
    apiKey: { reveal: () => 'the-key' },
    ...more,
  });

const BEARER = { authorization: 'Bearer the-key' };
const VERSION = { 'anthropic-version': '2023-06-01' };

for (const [kind, format, headers] of [
  ['claude', undefined, { ...VERSION, 'x-api-key': 'the-key' }],
  ['claude', 'openai', BEARER],
  ['internal', undefined, BEARER],
  ['internal', 'anthropic', { ...VERSION, ...BEARER }],
  ['openai', undefined, BEARER],
  ['axon', 'anthropic', { ...VERSION, ...BEARER }],
] as const) {
  test(`the key of kind ${kind}${format === undefined ? '' : `, speaking ${format},`} goes where it is looked for`, () => {
    assert.deepEqual(backend(kind, { format }).headers(), headers);
  });
}

test('without a key no credential is sent', () => {
  assert.deepEqual(backend('internal', { apiKey: undefined }).headers(), {});
});

test('a profile starts from its kind’s or from the named one, and single fields change it', () => {
  assert.deepEqual(backend('internal').profile, PROFILES.vllm);
  const changed = backend('internal', { profile: { base: 'generic', thinkTags: true } });
  assert.deepEqual(changed.profile, { ...PROFILES.generic, thinkTags: true });
  assert.equal(changed.profileName, 'generic');
  assert.deepEqual(changed.profileChanges, ['thinkTags']);
});

for (const [kind, more, format] of [
  ['openai', {}, 'responses'],
  ['openai', { profile: { responses: false } }, 'openai'],
  ['openai', { format: 'anthropic' }, 'anthropic'],
  ['internal', {}, 'openai'],
  ['internal', { profile: { responses: true } }, 'responses'],
  ['internal', { format: 'anthropic' }, 'anthropic'],
  ['claude', {}, 'anthropic'],
  ['axon', {}, 'openai'],
] as const) {
  test(`a Responses request goes to kind ${kind} ${JSON.stringify(more)} in the format ${format}, others as ever`, () => {
    const one = backend(kind, more);
    assert.equal(formatFor(one, 'responses'), format);
    assert.deepEqual([formatFor(one, 'anthropic'), formatFor(one, 'openai')], [one.format, one.format]);
  });
}

test('only OpenAI’s own profile passes Responses requests on', () => {
  const passing = Object.entries(PROFILES).filter(([, profile]) => profile.responses);
  assert.deepEqual(
    passing.map(([name]) => name),
    ['openai'],
  );
});
