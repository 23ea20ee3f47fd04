import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../../src/errors.ts';
import {
  findField,
  MAX_JSON_DEPTH,
  readField,
  scanRequest,
  spliceModel,
  withoutField,
} from '../../src/protocol/scan-request.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (body: Uint8Array) => new TextDecoder().decode(body);

function refusal(body: string | Uint8Array): GatewayError {
  try {
    scanRequest(typeof body === 'string' ? bytes(body) : body);
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, 'invalid_request');
    return error;
  }
  assert.fail(`accepted: ${typeof body === 'string' ? body : text(body)}`);
}

test('model and stream are found wherever they stand', () => {
  const scan = scanRequest(bytes(' {"messages":[{"model":"inner"}],\n"stream" : true,"model":"outer"} '));
  assert.equal(scan.model, 'outer');
  assert.equal(scan.stream, true);
});

test('a model written with escapes is read as what it means', () => {
  assert.equal(scanRequest(bytes('{"mod\\u0065l":"claude-\\u0068aiku"}')).model, 'claude-haiku');
});

test('only the boolean true asks for a stream', () => {
  for (const odd of ['false', 'null', '"true"', '1', '[true]']) {
    assert.equal(scanRequest(bytes(`{"model":"m","stream":${odd}}`)).stream, false);
  }
});

test('the model is replaced in place and no other byte changes', () => {
  const body = '{ "a" : 1.50e+3 , "model" :\t"old" , "z":"\\u00e9 \\"quoted\\"" }';
  const spliced = spliceModel(bytes(body), scanRequest(bytes(body)), 'new/"x"');
  assert.equal(text(spliced), body.replace('"old"', '"new/\\"x\\""'));
});

test('a model that stays the same costs no copy', () => {
  const body = bytes('{"model":"same"}');
  assert.equal(spliceModel(body, scanRequest(body), 'same'), body);
});

for (const broken of [
  '',
  ' ',
  '[]',
  '"model"',
  'null',
  '{',
  '{"model"',
  '{"model":',
  '{"model":"x"',
  '{"model":"x",}',
  '{"model":"x"} x',
  '{"model":"x"}{}',
  '{model:"x"}',
  '{"a":[}',
  '{"a":[1,2}}',
  '{"a":{"b":1]}',
  '{"a":"x',
  '{"a":tru}',
  '{"a":01}',
  '{"a":1 "b":2}',
  '{,"a":1}',
  '{"a":}',
  '\ufeff{"model":"x"}',
  '{"a":NaN}',
  "{'a':1}",
]) {
  test(`refuses ${JSON.stringify(broken)}`, () => {
    refusal(broken);
  });
}

test('invalid UTF-8 in the model name is refused', () => {
  refusal(Uint8Array.from([...bytes('{"model":"'), 0xff, 0xfe, ...bytes('"}')]));
});

test('a key given twice is refused, whatever its spelling', () => {
  assert.match(refusal('{"model":"a","model":"b"}').message, /twice/);
  assert.match(refusal('{"model":"a","mod\\u0065l":"b"}').message, /twice/);
  assert.match(refusal('{"tools":[1],"tools":[]}').message, /twice/);
});

test('a routing key in other letter case is refused', () => {
  assert.match(refusal('{"Model":"a"}').message, /lower case/);
  assert.match(refusal('{"model":"a","STREAM":true}').message, /lower case/);
});

test('nesting is allowed up to its limit and not beyond, in no time', () => {
  const nested = (depth: number) => `{"model":"m","a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  assert.equal(scanRequest(bytes(nested(MAX_JSON_DEPTH))).model, 'm');
  assert.match(refusal(nested(MAX_JSON_DEPTH + 1)).message, /deeper/);
  assert.match(refusal(`{"a":${'['.repeat(1_000_000)}`).message, /deeper/);
});

test('prototype keys are plain keys', () => {
  const scan = scanRequest(bytes('{"__proto__":{"model":"x"},"constructor":1,"model":"m"}'));
  assert.equal(scan.model, 'm');
  assert.equal(({} as Record<string, unknown>).model, undefined);
});

test('for every object the scan agrees with JSON.parse, field by field', () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  const spacing = fc.constantFrom(undefined, 1, '\t');
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), spacing, (object, space) => {
      if (Object.keys(object).some((key) => ['model', 'stream'].includes(key.toLowerCase()))) return;
      const body = bytes(JSON.stringify(object, null, space));
      const scan = scanRequest(body);
      const parsed = JSON.parse(text(body)) as Record<string, unknown>;
      assert.deepEqual([...scan.fields.keys()].sort(), Object.keys(parsed).sort());
      for (const key of Object.keys(parsed)) assert.deepEqual(readField(body, scan, key), parsed[key]);
    }),
    { numRuns: 1500 },
  );
});

test('a body cut anywhere is refused', () => {
  const body = bytes(
    '{"model":"m","messages":[{"role":"user","content":"a \\"b\\" \\\\ {["}],"n":-1.5e3,"t":true}',
  );
  for (let length = 0; length < body.length; length++) refusal(body.subarray(0, length));
});

test('whatever the bytes, the scan either reads them or refuses them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      try {
        scanRequest(Uint8Array.from([0x7b, ...noise]));
      } catch (error) {
        assert.ok(error instanceof GatewayError);
      }
    }),
    { numRuns: 3000 },
  );
});

test('a thousand fields and half a million lists are read, and not one more', () => {
  const fields = (count: number) =>
    JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n])));
  assert.equal(scanRequest(Buffer.from(fields(1000))).fields.size, 1000);
  assert.throws(() => scanRequest(Buffer.from(fields(1001))), /more than 1000 fields/);
  const nested = Buffer.from(fields(1001));
  assert.throws(() => findField(nested, { start: 0, end: nested.length }, 'k0'), /more than 1000 fields/);
  // The list that holds them counts, and so do those of another field.
  const lists = (count: number) => `{"a":[],"b":[${'[],'.repeat(count - 3)}[]]}`;
  assert.equal(scanRequest(Buffer.from(lists(500_000))).fields.size, 2);
  assert.throws(() => scanRequest(Buffer.from(lists(500_001))), /more than 500000 lists/);
});

test('every place where reasoning may be marked is noted, at any depth, and none inside a text', () => {
  const body = bytes(
    '{"signature":"top","m":[{"signature" : ""},{"a":{"encrypted_content":"gw1.x"}}],"t":"\\"signature\\":"}',
  );
  const { marks } = scanRequest(body);
  assert.deepEqual(
    marks.map((end) => text(body.subarray(end - 11, end))),
    ['"signature"', 'ed_content"'],
  );
});

test('an item that declares tools is noted however its type is spelled, and a text that speaks of one is not', () => {
  const declares = (input: string) => scanRequest(bytes(`{"input":${input}}`)).declaresTools;
  const escaped = [...'additional_tools'].map((letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
  for (const type of [
    'additional_tools',
    'addit\\u0069onal_tools',
    escaped.join(''),
    `a${escaped.slice(1).join('')}`,
  ])
    assert.equal(declares(`[{"a":[{"type":"${type}"}]}]`), true, type);
  for (const type of [
    'additional_tool',
    'additional tools',
    'an additional_tools',
    'a\\u0000',
    'additional_tools_',
  ])
    assert.equal(declares(`[{"type":"${type}"}]`), false, type);
  assert.equal(declares('"additional_tools"'), false);
});

test('an item that is named by its id alone is noted, whatever else hides in it', () => {
  const names = (input: string) => scanRequest(bytes(`{"input":${input}}`)).namesItems;
  for (const item of [
    '{"type":"item_reference","id":"x"}',
    '{"id":"x","type":"item\\u005freference"}',
    '{"\\u0074ype":"item_reference","id":"x"}',
    '{"type":"message","role":"user","content":"a","type":"item_reference","id":"x"}',
    '{"id":"x"}',
    '{"id":"x","type":null}',
    '{"id":"x","type" : null}',
    '{"type":"message","id":"x","type":null}',
    '{"id":"type","x":"role"}',
    '{"id":"x","a":{"type":"message"}}',
    '{}',
  ])
    assert.equal(names(`[{"role":"user","content":"a"},${item}]`), true, item);
  for (const input of [
    '"item_reference"',
    '[{"role":"user","content":"item_reference, as it were"}]',
    '[{"type":"message","role":"user","content":[{"text":"a"}]},{"content":[],"role":"assistant"}]',
    '[[{"id":"x"}],7,"x"]',
    '[]',
  ])
    assert.equal(names(input), false, input);
});

const FIELDS = ['"a":1', '"client_metadata" : {"x":[1,",}"]}', '"model":"m"', '"s":{"signature":"q"}'];

test('a field is taken out wherever it stands, and what was read of the rest still holds', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(FIELDS), fc.constantFrom(',', ' ,\n'), (fields, comma) => {
      const text = `{ ${fields.join(comma)} }`;
      const body = new TextEncoder().encode(text);
      const left = withoutField({ body, scan: scanRequest(body) }, 'client_metadata');
      const { client_metadata: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
      assert.deepEqual(JSON.parse(new TextDecoder().decode(left.body)), rest);
      assert.deepEqual(left.scan, scanRequest(left.body));
    }),
  );
});

test('a request without the field is itself', () => {
  const body = new TextEncoder().encode('{"model":"m"}');
  assert.equal(withoutField({ body, scan: scanRequest(body) }, 'client_metadata').body, body);
});
