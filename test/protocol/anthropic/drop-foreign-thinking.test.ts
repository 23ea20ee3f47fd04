import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../../../src/errors.ts';
import { dropForeignThinking } from '../../../src/protocol/anthropic/drop-foreign-thinking.ts';
import { GATEWAY_SIGNATURE } from '../../../src/protocol/anthropic/signature.ts';
import { type ScannedBody, scanRequest } from '../../../src/protocol/scan-request.ts';

const scanned = (text: string): ScannedBody => {
  const body = new TextEncoder().encode(text);
  return { body, scan: scanRequest(body) };
};
const left = (text: string): string => new TextDecoder().decode(dropForeignThinking(scanned(text)).body);

const OURS = `{"type":"thinking","thinking":"Hm.","signature":"${GATEWAY_SIGNATURE}"}`;
const UNSIGNED = '{"signature" : "", "thinking":"Hm.","type":"thinking"}';
const CLAUDES = '{"type":"thinking","thinking":"Hm.","signature":"EqQBCkYIBR=="}';
const TEXT = '{"type":"text","text":"Hi \\ud83d\\ude00 \\u00e9"}';
const CALL = '{"type":"tool_use","id":"t","name":"n","input":{"2":1.0,"1":12345678901234567890}}';

const around = (content: string) =>
  `{"model":"m", "messages":[ {"role":"assistant","content":${content}} ],"x":1.50}`;

for (const [where, before, after] of [
  ['before a call', `[${OURS},${CALL}]`, `[${CALL}]`],
  ['behind a text', `[${TEXT} , ${OURS}]`, `[${TEXT}]`],
  ['between two others', `[ ${TEXT},\n${OURS},\n${CALL} ]`, `[ ${TEXT},\n${CALL} ]`],
  ['on both sides', `[${OURS}, ${UNSIGNED}, ${CALL}, ${OURS} ]`, `[${CALL} ]`],
  ['beside thinking of its own', `[${CLAUDES},${UNSIGNED},${TEXT}]`, `[${CLAUDES},${TEXT}]`],
] as const) {
  test(`foreign thinking ${where} goes, and no other byte changes`, () => {
    assert.equal(left(around(before)), around(after));
  });
}

test('a message that was nothing but foreign thinking goes as a whole', () => {
  const thought = `{"role":"assistant","content":[${OURS},${UNSIGNED}]}`;
  const user = '{"role":"user","content":"Hi"}';
  assert.equal(left(`{"messages":[${user}, ${thought}, ${user}]}`), `{"messages":[${user}, ${user}]}`);
  assert.equal(left(`{"messages":[${thought},${user}]}`), `{"messages":[${user}]}`);
  assert.equal(left(`{"messages":[ ${thought} ]}`), '{"messages":[  ]}');
});

const RESULT = '{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"ok"}]}';
const inLoop = (thinking: string, content: string) =>
  `{"thinking":${thinking},"messages":[{"role":"user","content":"Go"},{"role":"assistant","content":${content}},${RESULT}]}`;

test('A-72 a tool loop that lost its thinking goes without a thinking budget, this once', () => {
  const budget = '{"type":"enabled","budget_tokens":2000}';
  assert.equal(left(inLoop(budget, `[${OURS},${CALL}]`)), inLoop('{"type":"disabled"}', `[${CALL}]`));
  assert.equal(left(inLoop(budget, `[${CLAUDES},${CALL}]`)), inLoop(budget, `[${CLAUDES},${CALL}]`));
  const adaptive = '{"type":"adaptive"}';
  assert.equal(left(inLoop(adaptive, `[${OURS},${CALL}]`)), inLoop(adaptive, `[${CALL}]`));
});

test('the fields of the shortened request are found where they now stand', () => {
  const { body, scan } = dropForeignThinking(
    scanned(`{"messages":[{"content":[${OURS},${TEXT}]}],"model":"later"}`),
  );
  const range = scan.fields.get('model');
  assert.equal(new TextDecoder().decode(body.subarray(range?.start, range?.end)), '"later"');
});

for (const kept of [
  around(`[${CLAUDES},${CALL}]`),
  around('"text"'),
  around(JSON.stringify(`A text that quotes ${OURS}`)),
  around(`[{"type":"text","text":${JSON.stringify(OURS)}}]`),
  around('[{"type":"tool_use","id":"t","name":"n","input":{"type":"thinking","signature":""}}]'),
  around('[{"type":"redacted_thinking","data":"abc"}]'),
  around('[null,"a",{"signature":""}]'),
  `{"model":"m","metadata":${OURS}}`,
  '{"model":"m","messages":{"signature":""}}',
]) {
  test(`nothing is taken from ${kept.slice(0, 90)}`, () => {
    const request = scanned(kept);
    assert.equal(dropForeignThinking(request), request);
  });
}

test('messages that are no JSON are refused as such', () => {
  for (const broken of [`[${OURS} ${TEXT}]`, `[{"type" ${UNSIGNED}}]`]) {
    assert.throws(
      () => left(around(broken)),
      (error) => error instanceof GatewayError && error.code === 'invalid_request',
    );
  }
});

type Block = Record<string, unknown>;
type Message = { role: string; content: string | Block[] };

const block: fc.Arbitrary<Block> = fc.oneof(
  fc.record({ type: fc.constant('text'), text: fc.string() }),
  fc.record({
    type: fc.constant('thinking'),
    thinking: fc.string(),
    signature: fc.constantFrom('', 'gw1.', GATEWAY_SIGNATURE, 'EqQ=', 'gw10'),
  }),
  fc.record({ type: fc.constant('tool_use'), input: fc.dictionary(fc.string(), fc.string()) }),
);
const message: fc.Arbitrary<Message> = fc.record({
  role: fc.constantFrom('user', 'assistant'),
  content: fc.oneof(fc.string(), fc.array(block, { maxLength: 5 })),
});

/** The rule over again, over values instead of bytes. */
function expected(messages: readonly Message[]): Message[] {
  return messages.flatMap((one) => {
    if (typeof one.content === 'string') return [one];
    const content = one.content.filter(
      ({ type, signature }) => type !== 'thinking' || !/^$|^gw1\./.test(String(signature)),
    );
    return content.length === 0 && one.content.length > 0 ? [] : [{ ...one, content }];
  });
}

test('whatever the conversation, what is left is JSON and just what should be left', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 6 }), fc.constantFrom(0, 1, '\t'), (messages, space) => {
      const body = JSON.stringify({ messages, model: 'm' }, null, space);
      const { messages: sent } = JSON.parse(body) as { messages: Message[] };
      assert.deepEqual(JSON.parse(left(body)), { messages: expected(sent), model: 'm' });
    }),
  );
});
