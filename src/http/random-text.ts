import { randomFillSync } from 'node:crypto';

/** In the order of their bytes, so that texts sort as the numbers that they write. */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const CODES = Buffer.from(ALPHABET);
const LENGTH = 22;
/** One call for chance serves this many texts: asking for 22 bytes costs as much as for some thousand. */
const STOCK = 256;

/** Makes a maker of random texts for ids: 22 letters and digits, some 130 random bits each. */
export function createRandomText(): () => string {
  const stock = Buffer.alloc(LENGTH * STOCK);
  let next = stock.length;
  return () => {
    if (next === stock.length) {
      randomFillSync(stock);
      for (const [index, byte] of stock.entries()) stock[index] = CODES[byte % CODES.length] ?? 0;
      next = 0;
    }
    next += LENGTH;
    // In one piece: letter by letter it would be a list of a dozen strings, for as long as an id is known.
    return stock.toString('latin1', next - LENGTH, next);
  };
}

/** Digits of a moment, good until the year 2081, and as many of chance behind them as make an id of the usual length. */
const TIME_LENGTH = 7;

/**
 * Makes a maker of texts that sort by their time, 22 letters and digits: what is kept by such ids lies beside what came
 * with it, on one page of a database instead of one each. Some 89 random bits.
 *
 * @param clock milliseconds since the epoch
 */
export function createOrderedText(clock: () => number, randomText: () => string): () => string {
  let [now, moment] = [Number.NaN, ''];
  return () => {
    const time = clock();
    if (time !== now) [now, moment] = [time, inDigits(time)];
    return moment + randomText().slice(TIME_LENGTH);
  };
}

function inDigits(time: number): string {
  let text = '';
  for (let rest = time; text.length < TIME_LENGTH; rest = Math.floor(rest / ALPHABET.length))
    text = ALPHABET[rest % ALPHABET.length] + text;
  return text;
}
