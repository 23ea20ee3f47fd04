import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { claudeTraits } from '../../../src/protocol/anthropic/claude-models.ts';
import { chooseThinking } from '../../../src/protocol/anthropic/write-thinking.ts';
import type { Effort } from '../../../src/protocol/conversation.ts';
import { readOpenAIRequest } from '../../../src/protocol/openai/read-request.ts';
import { calling, result, toClaude, user } from '../../support/claude-request.ts';

const NEW = 'claude-opus-5-5';
const tool = { type: 'function', function: { name: 'f' } };

test('newer models think adaptively, as hard as asked, and show a summary (O-16)', () => {
  for (const [asked, effort] of [
    ['minimal', 'low'],
    ['low', 'low'],
    ['medium', 'medium'],
    ['high', 'high'],
    ['xhigh', 'xhigh'],
    ['max', 'max'],
  ]) {
    const { body } = toClaude({ reasoning_effort: asked, max_tokens: 500 }, NEW);
    assert.deepEqual(body.thinking, { type: 'adaptive', display: 'summarized' });
    assert.deepEqual(body.output_config, { effort });
    assert.equal(body.max_tokens, 500);
  }
});

test('an effort that the model does not know becomes the next lower one', () => {
  const { body } = toClaude({ reasoning_effort: 'xhigh' }, 'claude-opus-4-6');
  assert.deepEqual(body.output_config, { effort: 'high' });
});

test('older models get a budget on top of the tokens for the answer (O-16)', () => {
  for (const [effort, budget_tokens] of [
    ['minimal', 4096],
    ['low', 4096],
    ['medium', 10_000],
    ['high', 24_000],
    ['max', 32_000],
  ] as const) {
    const { body } = toClaude({ reasoning_effort: effort, max_tokens: 2000 });
    assert.deepEqual(body.thinking, { type: 'enabled', budget_tokens });
    assert.equal(body.max_tokens, 2000 + budget_tokens);
    assert.equal('output_config' in body, false);
  }
});

test('a budget never takes the room of the answer, and never the most that the model can say', () => {
  const { body } = toClaude({ reasoning_effort: 'high' });
  assert.deepEqual([body.thinking, body.max_tokens], [{ type: 'enabled', budget_tokens: 8192 - 1024 }, 8192]);
  const large = toClaude({ reasoning_effort: 'high', max_tokens: 60_000 }).body;
  assert.deepEqual([large.thinking, large.max_tokens], [{ type: 'enabled', budget_tokens: 24_000 }, 64_000]);
});

test('nothing said is nothing sent; none is said as far as the model hears it (O-16)', () => {
  for (const model of [NEW, 'claude-sonnet-4-5', 'claude-fable-5-2'])
    assert.equal('thinking' in toClaude({}, model).body, false);
  assert.deepEqual(toClaude({ reasoning_effort: 'none' }, NEW).body.thinking, { type: 'disabled' });
  assert.deepEqual(toClaude({ reasoning_effort: 'none' }).body.thinking, { type: 'disabled' });
  assert.equal('thinking' in toClaude({ reasoning_effort: 'none' }, 'claude-fable-5-2').body, false);
  assert.equal(
    'thinking' in toClaude({ reasoning_effort: 'none' }, 'claude-3-5-sonnet-20241022').body,
    false,
  );
});

test('a forced tool wins over reasoning (O-14)', () => {
  for (const tool_choice of ['required', { type: 'function', function: { name: 'f' } }]) {
    for (const model of [NEW, 'claude-sonnet-4-5']) {
      const { body, dropped } = toClaude({ reasoning_effort: 'high', tools: [tool], tool_choice }, model);
      assert.deepEqual(
        [body.thinking, body.output_config, dropped],
        [{ type: 'disabled' }, undefined, ['reasoning_effort']],
      );
    }
  }
  assert.deepEqual(
    toClaude({ reasoning_effort: 'high', tools: [tool], tool_choice: 'auto' }, NEW).dropped,
    [],
  );
});

test('models without reasoning are spared the wish', () => {
  const { body, dropped } = toClaude({ reasoning_effort: 'high' }, 'claude-3-5-haiku-20241022');
  assert.deepEqual(['thinking' in body, dropped], [false, ['reasoning_effort']]);
});

test('a tool turn whose reasoning is lost goes on without reasoning on budget models only (A-72)', () => {
  const request = {
    messages: [user('Go.'), calling(['a', 'f']), result('a', 'x')],
    tools: [tool],
    reasoning_effort: 'high',
  };
  const old = toClaude(request);
  assert.deepEqual([old.body.thinking, old.dropped], [{ type: 'disabled' }, ['reasoning_effort']]);
  assert.equal((toClaude(request, NEW).body.thinking as { type: string }).type, 'adaptive');
});

test('a named budget becomes an effort for newer models, and stays a budget for older ones', () => {
  const conversation = readOpenAIRequest({ messages: [user('Hi.')] });
  const choose = (model: string, budget: number) =>
    chooseThinking(
      { ...conversation, reasoning: { kind: 'on', effort: null, budget, shown: false } },
      { traits: claudeTraits(model), maxOutputTokens: 40_000, resumesUnsignedTurn: false },
      new Set(),
    );
  assert.deepEqual(
    [choose(NEW, 2000).effort, choose(NEW, 8000).effort, choose(NEW, 31_999).effort],
    ['low', 'medium', 'high'],
  );
  assert.deepEqual(choose(NEW, 2000).thinking, { type: 'adaptive', display: 'omitted' });
  assert.deepEqual(choose('claude-sonnet-4-5', 31_999).thinking, { type: 'enabled', budget_tokens: 31_999 });
  assert.deepEqual(choose('claude-sonnet-4-5', 5).thinking, { type: 'enabled', budget_tokens: 1024 });
});

test('whatever is asked of a budget model, the budget is legal and below max_tokens', () => {
  const efforts = fc.constantFrom<Effort>('minimal', 'low', 'medium', 'high', 'xhigh', 'max');
  const models = fc.constantFrom('claude-sonnet-4-5', 'claude-opus-4-1', 'claude-3-7-sonnet-latest');
  fc.assert(
    fc.property(
      efforts,
      models,
      fc.option(fc.integer({ min: 1, max: 200_000 })),
      (reasoning_effort, model, max_tokens) => {
        const { body } = toClaude({ reasoning_effort, ...(max_tokens !== null && { max_tokens }) }, model);
        const thinking = body.thinking as { type: string; budget_tokens: number };
        if (thinking.type === 'disabled') {
          assert.equal(body.max_tokens, max_tokens ?? 8192);
          return;
        }
        assert.ok(thinking.budget_tokens >= 1024 && thinking.budget_tokens < body.max_tokens);
        assert.ok(body.max_tokens >= (max_tokens ?? 0));
      },
    ),
  );
});
