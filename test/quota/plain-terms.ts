/** Terms, requests and standings as most callers have them; a test changes what it is about. */
import type { Demand, Quota } from '../../src/quota/quota.ts';
import type { Allowance, Principal, Standing, Terms } from '../../src/types.ts';

export function allowanceOf(changed: Partial<Allowance> = {}): Allowance {
  return { name: 'daily', unit: 'request', limit: 10, window: 'day', models: null, pool: null, ...changed };
}

export function termsOf(allowance: Partial<Allowance> = {}, changed: Partial<Terms> = {}): Terms {
  return {
    allowances: [allowanceOf(allowance)],
    concurrency: null,
    atExhaustion: { kind: 'deny' },
    weights: [],
    turn: { requests: 200, minutes: 60, tokens: 5_000_000 },
    titles: 'capped',
    ...changed,
  };
}

export function demandOf(requestId: string, changed: Partial<Demand> = {}): Demand {
  return {
    requestId,
    model: 'qwen3-32b',
    turn: () => ({ session: 's', prompt: requestId }),
    isTitle: () => false,
    tokens: () => 100,
    ...changed,
  };
}

/** Where a principal stands in the main allowance. */
export async function peekMain(quota: Quota, principal: Principal, terms: Terms): Promise<Standing> {
  const [main] = await quota.peek(principal, terms);
  if (main === undefined) throw new Error('there is no standing');
  return main;
}
