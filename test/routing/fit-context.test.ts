import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  estimatePrompt,
  fitMaxTokens,
  LEAST_ANSWER,
  MARGIN,
  promptRoom,
  roomAfter,
  sayTooLong,
  surelyFits,
} from '../../src/routing/fit-context.ts';

const overflow = (promptTokens: number | null, maxTokens: number | null, limit: number | null) => ({
  promptTokens,
  maxTokens,
  limit,
});
const never = () => assert.fail('no estimate is needed');

test('a prompt is estimated by its bytes and its images', () => {
  assert.equal(estimatePrompt({ textBytes: 0, media: 0 }), 0);
  assert.equal(estimatePrompt({ textBytes: 36, media: 0 }), 11);
  assert.equal(estimatePrompt({ textBytes: 35, media: 2 }), 3210);
});

test('a request surely fits when it would with one token a byte', () => {
  assert.equal(surelyFits(100, 1000, 1100 + MARGIN), true);
  assert.equal(surelyFits(100, 1001, 1100 + MARGIN), false);
});

test('the answer gets what the window leaves beside the prompt', () => {
  assert.equal(fitMaxTokens(64_000, 18_700, 40_960), 40_960 - 18_700 - MARGIN);
});

test('an answer that fits is left as it was asked for', () => {
  assert.equal(fitMaxTokens(1000, 18_700, 40_960), 1000);
});

test('an estimate beyond the window leaves the least answer, so that the backend can say what is true', () => {
  assert.equal(fitMaxTokens(64_000, 50_000, 40_960), LEAST_ANSWER);
  assert.equal(fitMaxTokens(100, 50_000, 40_960), 100);
});

test('in a tiny window the least answer is half of it', () => {
  assert.equal(fitMaxTokens(64_000, 50_000, 1000), 500);
});

test('a fitted answer is never more than asked, never more than the window, and never nothing', () => {
  const size = fc.integer({ min: 2, max: 2_000_000 });
  fc.assert(
    fc.property(size, size, size, (asked, prompt, window) => {
      const fitted = fitMaxTokens(asked, prompt, window);
      assert.ok(fitted >= 1 && fitted <= asked && fitted < window);
    }),
  );
});

test('after a refusal with numbers the room is exact', () => {
  assert.equal(roomAfter(overflow(18_700, 32_000, 40_960), 32_000, never), 22_260);
});

test('a short answer asked for needs no more room than itself', () => {
  assert.equal(roomAfter(overflow(40_000, 1000, 40_960), 1000, never), null);
  assert.equal(roomAfter(overflow(38_912, 3000, 40_960), 3000, never), 2048);
  assert.equal(roomAfter(overflow(38_913, 3000, 40_960), 3000, never), null);
});

test('no room is found where the prompt does not fit, nothing is said, or the numbers say that it should fit', () => {
  assert.equal(roomAfter(overflow(40_961, null, 40_960), 32_000, never), null);
  assert.equal(roomAfter(overflow(null, null, null), 32_000, never), null);
  assert.equal(roomAfter(overflow(10, 100, 40_960), 32_000, never), null);
  assert.equal(roomAfter(overflow(null, 5, 0), 5, never), null);
});

test('where only the answer was too long, it gets all that the refusal allows', () => {
  assert.equal(roomAfter(overflow(null, 64_000, 16_384), 64_000, never), 16_384);
  assert.equal(roomAfter(overflow(null, null, 16_384), 64_000, never), null);
});

test('where the prompt is told only as a floor, the estimate decides', () => {
  const floor = overflow(40_960 - 30_000 + 1, 30_000, 40_960);
  assert.equal(
    roomAfter(floor, 30_000, () => 20_000),
    40_960 - 20_000 - MARGIN,
  );
  assert.equal(
    roomAfter(floor, 30_000, () => 90_000),
    LEAST_ANSWER,
  );
});

test('whatever room is found is less than what was refused and enough to answer in', () => {
  const number = fc.option(fc.integer({ min: 1, max: 300_000 }));
  const asked = fc.integer({ min: 1, max: 200_000 });
  fc.assert(
    fc.property(number, number, number, asked, fc.nat(300_000), (prompt, max, limit, wanted, guess) => {
      const room = roomAfter(overflow(prompt, max, limit), wanted, () => guess);
      if (room === null) return;
      assert.ok(room < wanted && room >= Math.min(wanted, LEAST_ANSWER));
    }),
  );
});

test('a prompt beyond the window is said with the backend’s numbers', () => {
  assert.equal(
    sayTooLong(overflow(50_000, 32_000, 40_960), 32_000),
    'prompt is too long: 50000 tokens > 40960 maximum',
  );
});

test('a prompt that leaves no room to answer is held against what would have', () => {
  assert.equal(
    sayTooLong(overflow(40_000, 32_000, 40_960), 32_000),
    'prompt is too long: 40000 tokens > 38912 maximum',
  );
});

test('Claude Code reads its words and true numbers, whatever was said', () => {
  const number = fc.option(fc.integer({ min: 1, max: 300_000 }));
  fc.assert(
    fc.property(number, number, number, number, (prompt, max, limit, asked) => {
      const said = sayTooLong(overflow(prompt, max, limit), asked);
      assert.match(said, /^prompt is too long/);
      const numbers = /(\d+) tokens > (\d+) maximum/.exec(said);
      if (numbers !== null) assert.ok(Number(numbers[1]) > Number(numbers[2]), said);
    }),
  );
});

test('a prompt is left what an answer does not need, which is never more than a quarter of the window', () => {
  assert.equal(promptRoom(1000, 8192), 8192 - 1000 - 256);
  assert.equal(promptRoom(64_000, 8192), 8192 - 2048 - 256);
  assert.equal(promptRoom(null, 200_000), 200_000 - 2048 - 256);
});
