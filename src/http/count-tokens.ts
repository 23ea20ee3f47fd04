/**
 * `POST /v1/messages/count_tokens` and `POST /v1/responses/input_tokens`: free, answered for every model the caller may
 * use.
 */
import { scanRequest } from '../protocol/scan-request.ts';
import type { Memory } from '../responses-store/recall.ts';
import { chooseRoute } from '../routing/choose-route.ts';
import type { Dialect, Principal, Tier } from '../types.ts';
import type { Models } from '../upstream/catalogue.ts';
import type { CountTokens } from '../upstream/count-tokens.ts';
import { readBody } from './read-body.ts';
import { sendJson } from './reply.ts';
import { forwardedSearch, type Scope } from './request-scope.ts';

export interface CountTokensParts {
  readonly authenticate: (rawHeaders: readonly string[]) => Promise<Principal>;
  /** Takes a place among the requests under way; what it gives back leaves it. May refuse. */
  readonly enter: (principal: Principal) => () => void;
  readonly tierOf: (principal: Principal) => Tier;
  readonly modelsFor: (tier: Tier) => Models | Promise<Models>;
  readonly countTokens: CountTokens;
  readonly recall: Memory['recall'];
  readonly bodyBytes: number;
}

const ANSWERS = {
  anthropic: (inputTokens: number) => ({ input_tokens: inputTokens }),
  responses: (inputTokens: number) => ({ object: 'response.input_tokens', input_tokens: inputTokens }),
} as const satisfies Partial<Record<Dialect, (inputTokens: number) => object>>;

/** Makes the handler for one dialect. */
export function createCountTokensHandler(parts: CountTokensParts, dialect: keyof typeof ANSWERS) {
  return async (scope: Scope): Promise<void> => {
    const principal = await parts.authenticate(scope.request.rawHeaders);
    const leave = parts.enter(principal);
    try {
      await count(parts, dialect, scope, principal);
    } finally {
      leave();
    }
  };
}

async function count(
  parts: CountTokensParts,
  dialect: keyof typeof ANSWERS,
  scope: Scope,
  principal: Principal,
): Promise<void> {
  const body = await readBody(scope, parts.bodyBytes);
  const scan = scanRequest(body);
  const tier = parts.tierOf(principal);
  const route = chooseRoute(tier, scan.model, await parts.modelsFor(tier));
  const { headers } = scope.request;
  const asked = { dialect, body, scan, headers, search: forwardedSearch(scope) };
  const request = await parts.recall(principal, asked);
  const counted = await parts.countTokens(route, request, scope.signal);
  const mark = counted.estimated ? { 'x-gateway-token-estimate': '1' } : {};
  sendJson(scope, 200, ANSWERS[dialect](counted.inputTokens), mark);
}
