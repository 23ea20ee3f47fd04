/** What an answer will cost in tokens, as far as it can be told before. PURE. */

/** Bytes of JSON that make a token: enough to hold a place, the usage says the rest. */
const BYTES_PER_TOKEN = 4;
/** Most tokens that are held for the answer: few answers are as long as they may be. */
const MOST_ANSWER = 4_096;

/** @param maxTokens what the request says, whatever it is */
export function estimateCost(body: Uint8Array, maxTokens: unknown): number {
  const answer =
    typeof maxTokens === 'number' && maxTokens >= 0 ? Math.min(maxTokens, MOST_ANSWER) : MOST_ANSWER;
  return Math.ceil(body.length / BYTES_PER_TOKEN) + Math.ceil(answer);
}
