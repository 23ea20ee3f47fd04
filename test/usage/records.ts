import type { UsageRecord } from '../../src/usage/record.ts';

export const NOON = Date.UTC(2026, 10, 22, 12);
export const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);

export const DAY = 86_400_000;
export const ben = { subject: 'b'.repeat(64), user: '=ben, "the" 1st', tier: 'free' };
export const today = { from: '2026-11-22', to: '2026-11-22' };

let count = 0;

/** One answered request of Ana's, changed as given. */
export function record(changed: Partial<UsageRecord> = {}): UsageRecord {
  count += 1;
  return {
    requestId: `req_${count}`,
    at: NOON,
    subject: 'a'.repeat(64),
    user: 'ana',
    tier: 'pro',
    dialect: 'anthropic',
    asked: 'claude-opus-5-5',
    served: 'claude-haiku-5-5',
    backend: 'claude',
    status: 200,
    outcome: 'charged',
    durationMs: 1_234.5,
    usage: {
      inputTokens: 10,
      outputTokens: 20,
      cacheReadTokens: 30,
      cacheWriteTokens: 40,
      reasoningTokens: 5,
    },
    ...changed,
  };
}
