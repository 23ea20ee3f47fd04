import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LENGTH = 22;
/** One call for chance serves this many texts: asking for 22 bytes costs as much as for some thousand. */
const STOCK = 256;

/** Makes a maker of random texts for ids: 22 letters and digits, some 130 random bits each. */
export function createRandomText(): () => string {
  const stock = new Uint8Array(LENGTH * STOCK);
  let next = stock.length;
  return () => {
    if (next === stock.length) {
      randomFillSync(stock);
      next = 0;
    }
    let text = '';
    for (const end = next + LENGTH; next < end; next++)
      text += ALPHABET[(stock[next] ?? 0) % ALPHABET.length];
    return text;
  };
}
