import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../../src/errors.ts';
import type { SseFrame } from '../../src/protocol/reply-events.ts';
import { createFrameSplitter, createSseReader } from '../../src/protocol/sse.ts';
import { bytesOf, cutAt, cutEverywhere } from '../support/chunks.ts';

function readAll(chunks: readonly Uint8Array[]): SseFrame[] {
  const reader = createSseReader();
  return [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()];
}

function read(text: string): SseFrame[] {
  return readAll([bytesOf(text)]);
}

test('a frame carries its event name and its data', () => {
  assert.deepEqual(read('event: ping\ndata: {"a":1}\n\n'), [{ event: 'ping', data: '{"a":1}' }]);
});

test('lines may end with LF, CRLF or CR, mixed within one stream', () => {
  assert.deepEqual(read('data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\n\r\ndata: e\r\n\n'), [
    { event: '', data: 'a' },
    { event: '', data: 'b' },
    { event: '', data: 'c' },
    { event: '', data: 'd' },
    { event: '', data: 'e' },
  ]);
});

test('a frame that ends with CR is handed over before the next byte is known', () => {
  const reader = createSseReader();
  assert.deepEqual(reader.push(bytesOf('data: a\r\n\r')), [{ event: '', data: 'a' }]);
  assert.deepEqual(reader.push(bytesOf('\ndata: b\r\n\r\n')), [{ event: '', data: 'b' }]);
});

test('a line feed that completes a CRLF across chunks does not end a frame', () => {
  const reader = createSseReader();
  assert.deepEqual(reader.push(bytesOf('event: x\r')), []);
  assert.deepEqual(reader.push(bytesOf('\ndata: a\r\n\r\n')), [{ event: 'x', data: 'a' }]);
});

test('a byte order mark is removed at the start and nowhere else', () => {
  assert.deepEqual(read('\uFEFFdata: a\n\n'), [{ event: '', data: 'a' }]);
  assert.deepEqual(read('\uFEFF\ndata: a\n\n'), [{ event: '', data: 'a' }]);
  assert.deepEqual(read('data: \uFEFFa\n\n'), [{ event: '', data: '\uFEFFa' }]);
  assert.deepEqual(read('data: a\n\n\uFEFFdata: b\n\n'), [{ event: '', data: 'a' }]);
});

test('the last frame counts without its blank line and without its line end', () => {
  assert.deepEqual(read('data: a\n\ndata: b'), [
    { event: '', data: 'a' },
    { event: '', data: 'b' },
  ]);
});

test('several data lines are joined with a line feed', () => {
  assert.deepEqual(read('data: {\ndata: }\ndata\ndata:\n\n'), [{ event: '', data: '{\n}\n\n' }]);
});

test('one space after the colon is optional and only one is removed', () => {
  assert.deepEqual(read('event:e\ndata:  a \n\n'), [{ event: 'e', data: ' a ' }]);
});

test('the event name may follow the data', () => {
  assert.deepEqual(read('data: a\nevent: late\n\n'), [{ event: 'late', data: 'a' }]);
});

test('ids, retry hints and comments are ignored', () => {
  assert.deepEqual(read(': hello\nid: 7\nretry: 10\ndata: a\n\n: alone\n\nid: 8\n\n'), [
    { event: '', data: 'a' },
  ]);
});

test('an event name without data is still a frame', () => {
  assert.deepEqual(read('event: done\n\n'), [{ event: 'done', data: '' }]);
});

test('a bare JSON body inside an event stream is read as data', () => {
  assert.deepEqual(read('{\n  "error": {"message": "no"}\n}'), [
    { event: '', data: '{\n  "error": {"message": "no"}\n}' },
  ]);
  assert.deepEqual(read('data: a\n\n[{"error":{}}]\n'), [
    { event: '', data: 'a' },
    { event: '', data: '[{"error":{}}]' },
  ]);
  assert.deepEqual(read('<html>no</html>'), []);
});

test('a character of four bytes survives every cut', () => {
  const stream = bytesOf('event: é\ndata: 🐈‍⬛ ok\r\n\r\ndata: ü\n\n');
  const whole = readAll([stream]);
  assert.deepEqual(whole, [
    { event: 'é', data: '🐈‍⬛ ok' },
    { event: '', data: 'ü' },
  ]);
  for (const chunks of cutEverywhere(stream)) assert.deepEqual(readAll(chunks), whole);
});

test('an event beyond the limit is a failure of the backend, however it arrives', () => {
  const tooLong = bytesOf(`data: ${'x'.repeat(60)}\n\n`);
  const isBackendFailure = (error: unknown) =>
    error instanceof GatewayError && error.code === 'backend_failed';
  assert.throws(() => createSseReader({ maxEventBytes: 60 }).push(tooLong), isBackendFailure);
  const reader = createSseReader({ maxEventBytes: 60 });
  assert.throws(() => {
    for (const byte of tooLong) reader.push(Uint8Array.of(byte));
  }, isBackendFailure);
  assert.equal(createSseReader({ maxEventBytes: 68 }).push(tooLong).length, 1);
});

test('a stream of any length passes as long as each event is within the limit', () => {
  const reader = createSseReader({ maxEventBytes: 20 });
  const frames = Array.from({ length: 50 }, () => reader.push(bytesOf('data: 0123456789\n\n'))).flat();
  assert.equal(frames.length, 50);
});

test('an event of many small chunks costs time in proportion to its size', () => {
  const reader = createSseReader();
  const chunk = bytesOf('x'.repeat(64));
  reader.push(bytesOf('data: '));
  for (let i = 0; i < 100_000; i += 1) assert.equal(reader.push(chunk).length, 0);
  assert.equal(reader.push(bytesOf('\n\n'))[0]?.data.length, 6_400_000);
});

test('whole frames keep their bytes, comments and blank lines included', () => {
  const text = ': hi\n\nevent: a\r\ndata: 1\r\n\r\n\ndata: 2\n\ndata: half';
  const splitter = createFrameSplitter();
  const frames = splitter.push(bytesOf(text));
  const shown = frames.map((frame) => new TextDecoder().decode(frame.bytes));
  assert.deepEqual(shown, [': hi\n\n', 'event: a\r\ndata: 1\r\n\r\n', '\n', 'data: 2\n\n']);
  assert.deepEqual(
    frames.map((frame) => [frame.event(), frame.data()]),
    [
      ['', ''],
      ['a', '1'],
      ['', ''],
      ['', '2'],
    ],
  );
  assert.equal(new TextDecoder().decode(splitter.rest()), 'data: half');
});

const line = fc.oneof(
  fc.constantFrom(
    'data: a',
    'data:{"k":"ü"}',
    'event: x',
    'event:y',
    ': c',
    'id: 1',
    '{"error":1}',
    'data',
    '',
  ),
  fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => `data: ${text}`),
);
const stream = fc
  .array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 24 })
  .map((lines) => bytesOf(lines.flat().join('')));
const cuts = fc.array(fc.nat(200), { maxLength: 12 });

test('frames do not depend on how the bytes were cut', () => {
  fc.assert(
    fc.property(stream, cuts, (bytes, at) => {
      assert.deepEqual(readAll(cutAt(bytes, at)), readAll([bytes]));
    }),
  );
});

test('the splitter passes every byte on, and reads the same frames as the reader', () => {
  fc.assert(
    fc.property(stream, cuts, (bytes, at) => {
      const splitter = createFrameSplitter();
      const raw = cutAt(bytes, at).flatMap((chunk) => splitter.push(chunk));
      const back = Buffer.concat([...raw.map((frame) => frame.bytes), splitter.rest()]);
      assert.deepEqual(new Uint8Array(back), bytes);
      const reader = createSseReader();
      const read = reader.push(bytes);
      const shown = raw
        .map((frame) => ({ event: frame.event(), data: frame.data() }))
        .filter((frame) => frame.event !== '' || frame.data !== '');
      const expected = read.filter((frame) => frame.event !== '' || frame.data !== '');
      assert.deepEqual(shown, expected);
    }),
  );
});
