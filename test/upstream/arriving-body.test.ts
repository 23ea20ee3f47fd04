import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createArrivingBody } from '../../src/upstream/arriving-body.ts';

/** A sender that notes what it is told. */
function listen() {
  const told: string[] = [];
  const tell = (word: string) => () => {
    if (told.at(-1) !== word) told.push(word);
  };
  const body = createArrivingBody({ pause: tell('pause'), resume: tell('resume'), stop: tell('stop') });
  return { body, told };
}

const piece = (length: number) => new Uint8Array(length);

async function readAll(body: AsyncIterable<Uint8Array>): Promise<number[]> {
  const lengths: number[] = [];
  for await (const { length } of body) lengths.push(length);
  return lengths;
}

test('pieces are read in order, those that came before the reader and those after', async () => {
  const { body } = listen();
  body.push(piece(1));
  body.push(piece(2));
  const reading = readAll(body);
  await Promise.resolve();
  setImmediate(() => {
    body.push(piece(3));
    body.push(piece(4));
    body.end();
  });
  assert.deepEqual(await reading, [1, 2, 3, 4]);
});

test('an empty body ends, whether it is read before or after its end', async () => {
  const early = listen().body;
  const reading = readAll(early);
  early.end();
  assert.deepEqual(await reading, []);
  const late = listen().body;
  late.end();
  assert.deepEqual(await readAll(late), []);
});

test('a failure is thrown after what came before it, and only the first counts', async () => {
  const { body } = listen();
  body.push(piece(1));
  body.fail(new Error('broke off'));
  body.fail(new Error('again'));
  body.end();
  const lengths: number[] = [];
  const reading = (async () => {
    for await (const { length } of body) lengths.push(length);
  })();
  await assert.rejects(reading, /broke off/);
  assert.deepEqual(lengths, [1]);
});

test('a failure wakes a reader that waits', async () => {
  const { body } = listen();
  const reading = readAll(body);
  await Promise.resolve();
  body.fail(new Error('broke off'));
  await assert.rejects(reading, /broke off/);
});

test('a failure that nobody reads is no unhandled rejection', async () => {
  listen().body.fail(new Error('broke off'));
  await new Promise((resolve) => setImmediate(resolve));
});

test('the sender is held back while much waits, and goes on when it has been read', async () => {
  const { body, told } = listen();
  body.push(piece(40_000));
  assert.deepEqual(told, []);
  body.push(piece(40_000));
  assert.deepEqual(told, ['pause']);
  const iterator = body[Symbol.asyncIterator]();
  await iterator.next();
  assert.deepEqual(told, ['pause', 'resume']);
});

test('a reader that stops early stops the sender, and what still comes is dropped', async () => {
  const { body, told } = listen();
  body.push(piece(1));
  for await (const _ of body) break;
  assert.deepEqual(told.at(-1), 'stop');
  body.push(piece(2));
  assert.deepEqual(await readAll(body), []);
});

test('a reader that stops after the end stops nobody', async () => {
  const { body, told } = listen();
  body.push(piece(1));
  body.push(piece(2));
  body.end();
  for await (const _ of body) break;
  assert.ok(!told.includes('stop'));
});
