import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanRequest } from '../../src/protocol/scan-request.ts';
import { sideModels } from '../../src/protocol/side-models.ts';

function namesIn(body: string): readonly string[] {
  const bytes = new TextEncoder().encode(body);
  return sideModels(bytes, scanRequest(bytes));
}

test('a hosted tool that consults another model names it', () => {
  const tools = '[{"type":"advisor_20260301","name":"advisor","model":"claude-opus-5-5"},{"name":"Read"}]';
  assert.deepEqual(namesIn(`{"model":"m","tools":${tools}}`), ['claude-opus-5-5']);
});

test('escapes do not hide the key', () => {
  assert.deepEqual(namesIn('{"model":"m","tools":[{"mod\\u0065l":"claude-opus-5-5"}]}'), ['claude-opus-5-5']);
});

test('a parameter of a tool that is called "model" names none', () => {
  const schema = '{"type":"object","properties":{"model":{"type":"string","enum":["opus"]}}}';
  assert.deepEqual(namesIn(`{"model":"m","tools":[{"name":"Agent","input_schema":${schema}}]}`), []);
});

for (const fallbacks of ['"a"', '["a"]', '[{"model":"a"}]', '{"model":"a"}', '[["a"]]']) {
  test(`fallbacks given as ${fallbacks} are named`, () => {
    assert.deepEqual(namesIn(`{"model":"m","fallbacks":${fallbacks}}`), ['a']);
    assert.deepEqual(namesIn(`{"model":"m","models":${fallbacks}}`), ['a']);
  });
}

test('a request that names its model alone names no others', () => {
  assert.deepEqual(namesIn('{"model":"m","messages":[{"role":"user","content":"\\"model\\":\\"x\\""}]}'), []);
});

test('tools that an item of a Responses request declares are looked through', () => {
  const tools =
    '[{"type":"image_generation","model":"gpt-image-9"},{"type":"namespace","name":"n","tools":[]}]';
  const items = (type: string) =>
    `[{"role":"user","content":"additional_tools \\"model\\":\\"x\\""},{"type":"${type}","tools":${tools}}]`;
  assert.deepEqual(namesIn(`{"model":"m","input":${items('additional_tools')}}`), ['gpt-image-9']);
  assert.deepEqual(namesIn(`{"model":"m","input":${items('\\u0061dditional_tools')}}`), ['gpt-image-9']);
  assert.deepEqual(namesIn(`{"model":"m","input":${items('message')}}`), []);
  assert.deepEqual(namesIn('{"model":"m","input":"additional_tools"}'), []);
});
