import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { askForUsage, renameDeveloper } from '../../../src/protocol/openai/adapt-chat.ts';
import { PROFILES } from '../../../src/protocol/profile.ts';
import { scanRequest, spliceBytes } from '../../../src/protocol/scan-request.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (body: Uint8Array) => new TextDecoder().decode(body);

function changed(change: typeof askForUsage, text: string, profile: keyof typeof PROFILES = 'vllm'): string {
  const body = bytes(text);
  return textOf(spliceBytes(body, change(body, scanRequest(body), PROFILES[profile])));
}

const renamed = (text: string, profile?: keyof typeof PROFILES) => changed(renameDeveloper, text, profile);
const asking = (text: string, profile?: keyof typeof PROFILES) => changed(askForUsage, text, profile);

test('PT-3 a developer is a system to backends that know no developer, and not a byte besides changes', () => {
  const body =
    '{ "messages" : [ {"content":"a \\"developer\\"", "role" : "developer"},{"role":"user","content":"developer"}, {"role":"developer","content":[]} ] }';
  const expected = body
    .replaceAll('"role" : "developer"', '"role" : "system"')
    .replaceAll('"role":"developer"', '"role":"system"');
  assert.equal(renamed(body), expected);
  assert.equal(renamed(body, 'openai'), body);
});

test('PT-3 the word alone, in a text or below a message, is no role', () => {
  for (const body of [
    '{"messages":[{"role":"user","content":"I am a \\"developer\\""}]}',
    '{"messages":[{"role":"user","content":[{"type":"text","text":"developer","role":"developer"}]}]}',
    '{"messages":"developer"}',
    '{"user":"developer"}',
  ])
    assert.equal(renamed(body), body);
});

test('PT-3 a stream that does not ask for its usage is made to, and not a byte besides changes', () => {
  const asked = '"stream_options":{"include_usage":true}';
  assert.equal(asking('{"stream":true,"n":1}'), `{"stream":true,${asked},"n":1}`);
  assert.equal(asking('{ "n": 1.0, "stream" : true }'), `{ "n": 1.0, "stream" : true,${asked} }`);
  assert.equal(asking('{"stream_options":null,"stream":true}'), `{${asked},"stream":true}`);
  assert.equal(
    asking('{"stream":true,"stream_options":{"include_usage":false,"x":1}}'),
    '{"stream":true,"stream_options":{"include_usage":true,"x":1}}',
  );
});

test('PT-3 usage is not asked for where it was, where nothing streams, and where the backend knows no such wish', () => {
  for (const body of [
    '{"stream":true,"stream_options":{"include_usage":true}}',
    '{"stream":false}',
    '{"n":1}',
    '{"stream":true,"stream_options":"all"}',
  ])
    assert.equal(asking(body), body);
  assert.equal(asking('{"stream":true}', 'mistral'), '{"stream":true}');
});

test('PT-3 whatever else stands in the body, both changes leave it as it was', () => {
  const role = fc.constantFrom('developer', 'system', 'user', 'assistant');
  const message = fc.record({ role, content: fc.jsonValue() });
  const request = fc.record({
    messages: fc.array(message),
    stream: fc.boolean(),
    other: fc.jsonValue(),
    stream_options: fc.option(fc.constant({ include_usage: false }), { nil: undefined }),
  });
  fc.assert(
    fc.property(request, (given) => {
      const body = bytes(JSON.stringify(given));
      const scan = scanRequest(body);
      const edits = [
        ...renameDeveloper(body, scan, PROFILES.vllm),
        ...askForUsage(body, scan, PROFILES.vllm),
      ];
      const messages = given.messages.map(({ role: one, content }) => ({
        role: one === 'developer' ? 'system' : one,
        content,
      }));
      const asked = given.stream ? { stream_options: { include_usage: true } } : {};
      const sent: unknown = JSON.parse(textOf(spliceBytes(body, edits)));
      assert.deepEqual(sent, JSON.parse(JSON.stringify({ ...given, messages, ...asked })));
    }),
  );
});
