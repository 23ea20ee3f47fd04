import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SealedPart } from '../../../src/protocol/reply-events.ts';
import {
  keepOwnReasoning,
  NO_SEAL,
  openReasoning,
  SEAL_MARK,
  sealReasoning,
} from '../../../src/protocol/responses/sealed-reasoning.ts';
import {
  called,
  openSeal,
  output,
  readRequest,
  toChat,
  toClaude,
  user,
} from '../../support/responses-requests.ts';

type Json = Record<string, unknown>;

const ORIGIN = { backend: 'claude', model: 'claude-opus-5-5' };
const SIGNED: readonly SealedPart[] = [
  { type: 'reasoning', text: 'Think.', signature: 'EqQBCgIYAg==' },
  { type: 'redacted-reasoning', data: 'dark' },
];
const blobOf = (parts = SIGNED, origin = ORIGIN) => sealReasoning(parts, origin, openSeal) ?? '';
const reasoning = (encrypted_content: unknown, more: Json = {}) => ({
  type: 'reasoning',
  id: 'rs_1',
  summary: [{ type: 'summary_text', text: 'Summary.' }],
  encrypted_content,
  ...more,
});
const thread = (item: Json) => [user('Go'), item, called('c1'), output('c1')];

test('what is sealed opens as it was, with whose it is', () => {
  const words = fc.string({ unit: 'grapheme' });
  const part: fc.Arbitrary<SealedPart> = fc.oneof(
    fc.record({ type: fc.constant('reasoning' as const), text: words, signature: words }),
    fc.record({ type: fc.constant('redacted-reasoning' as const), data: words }),
  );
  fc.assert(
    fc.property(fc.array(part), words, words, (parts, backend, model) => {
      const blob = sealReasoning(parts, { backend, model }, openSeal) ?? '';
      assert.deepEqual(
        openReasoning(blob, openSeal),
        parts.map((one) => ({ ...one, origin: { backend, model } })),
      );
    }),
  );
});

test('without a key nothing is sealed and nothing opens', () => {
  assert.equal(sealReasoning(SIGNED, ORIGIN, NO_SEAL), null);
  assert.equal(openReasoning(blobOf(), NO_SEAL), null);
});

test('a blob of others, a changed one and rubbish are not ours', () => {
  for (const blob of ['gAAAAABm…', '', SEAL_MARK, `${blobOf()}x`, blobOf().replace('Think', 'Thank')]) {
    assert.equal(openReasoning(blob, openSeal), null, blob);
  }
});

test('Claude gets its thinking back, signatures and all, before the call it led to', () => {
  const [, turn] = toClaude(thread(reasoning(blobOf()))).messages as Json[];
  assert.deepEqual(
    (turn?.content as Json[]).map(({ type, thinking, signature, data }) => [
      type,
      thinking ?? data,
      signature,
    ]),
    [
      ['thinking', 'Think.', 'EqQBCgIYAg=='],
      ['redacted_thinking', 'dark', undefined],
      ['tool_use', undefined, undefined],
    ],
  );
});

test('a model server gets the reasoning of its tool loop back', () => {
  const parts: readonly SealedPart[] = [{ type: 'reasoning', text: 'Think.', signature: '' }];
  const [, turn] = toChat(thread(reasoning(blobOf(parts)))).messages as Json[];
  assert.equal(turn?.reasoning, 'Think.');
});

test('reasoning that others encrypted is left out, summary and all', () => {
  for (const item of [reasoning('gAAAAABm'), reasoning(blobOf().replace('Think', 'Thank'))]) {
    const { dropped } = readRequest(thread(item));
    assert.deepEqual(dropped, ['input.reasoning']);
    assert.doesNotMatch(
      JSON.stringify([toChat(thread(item)), toClaude(thread(item))]),
      /Summary|Think|gAAAA/,
    );
  }
});

test('reasoning that nobody encrypted is the text that it is', () => {
  const content = [{ type: 'reasoning_text', text: 'Content.' }];
  const [, turn] = toChat(thread(reasoning(null, { content }))).messages as Json[];
  assert.equal(turn?.reasoning, 'Summary.\n\nContent.');
});

test('another backend or another model is not given it', () => {
  const conversation = readRequest(thread(reasoning(blobOf())));
  const keeps = (backend: string, model: string) => {
    const kept = keepOwnReasoning(conversation, { backend, model });
    return [JSON.stringify(kept.turns).includes('Think.'), kept.dropped] as const;
  };
  assert.deepEqual(keeps(ORIGIN.backend, ORIGIN.model), [true, []]);
  assert.deepEqual(keeps(ORIGIN.backend, 'claude-haiku-5-5'), [false, ['input.reasoning']]);
  assert.deepEqual(keeps('claude-eu', ORIGIN.model), [false, ['input.reasoning']]);
  assert.equal(keepOwnReasoning(conversation, ORIGIN), conversation);
});
