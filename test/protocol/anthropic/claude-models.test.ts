import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claudeTraits } from '../../../src/protocol/anthropic/claude-models.ts';

const kind = (model: string) => {
  const { thinking, sampling, structured } = claudeTraits(model);
  return [thinking, sampling ? 'sampling' : 'no sampling', structured ? 'structured' : 'plain'].join(', ');
};

const NEWEST = 'adaptive, no sampling, structured';

const CASES: readonly (readonly [string, string])[] = [
  ['claude-opus-5-5', NEWEST],
  ['claude-haiku-5-5', NEWEST],
  ['claude-sonnet-5', NEWEST],
  ['claude-fable-5-2', NEWEST],
  ['claude-opus-4-8', NEWEST],
  ['claude-opus-4-7', NEWEST],
  ['claude-opus-12-1-20300101', NEWEST],
  ['claude-poem', NEWEST],
  ['claude-opus-4-6', 'adaptive, sampling, structured'],
  ['claude-sonnet-4-6-20260218', 'adaptive, sampling, structured'],
  ['claude-sonnet-4-5-20250929', 'budget, sampling, structured'],
  ['claude-haiku-4-5-20251001', 'budget, sampling, structured'],
  ['anthropic/claude-sonnet-4.5', 'budget, sampling, structured'],
  ['anthropic.claude-opus-4-5-20251101-v1:0', 'budget, sampling, structured'],
  ['claude-opus-4-1-20250805', 'budget, sampling, plain'],
  ['claude-sonnet-4-20250514', 'budget, sampling, plain'],
  ['claude-opus-4@20250514', 'budget, sampling, plain'],
  ['us.anthropic.claude-3-7-sonnet-20250219-v1:0', 'budget, sampling, plain'],
  ['claude-3-5-sonnet-20241022', 'none, sampling, plain'],
  ['claude-3-opus-20240229', 'none, sampling, plain'],
  ['claude-2.1', 'none, sampling, plain'],
  ['claude-instant-1.2', 'none, sampling, plain'],
  ['glm-4.6', 'budget, sampling, plain'],
  ['deepseek-chat', 'budget, sampling, plain'],
  ['Claude-Opus-5-5', NEWEST],
];

for (const [model, expected] of CASES) {
  test(`${model}: ${expected}`, () => assert.equal(kind(model), expected));
}

test('only models that think always cannot be told not to', () => {
  assert.equal(claudeTraits('claude-fable-5-2').disableThinking, false);
  assert.equal(claudeTraits('claude-opus-4-8').disableThinking, true);
});

test('the efforts of 4.6 lack xhigh', () => {
  assert.deepEqual(claudeTraits('claude-opus-4-6').efforts, ['low', 'medium', 'high', 'max']);
  assert.ok(claudeTraits('claude-opus-4-7').efforts.includes('xhigh'));
});
