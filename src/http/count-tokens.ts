/** `POST /v1/messages/count_tokens`: free, answered for every model the caller may use. */
import { scanRequest } from '../protocol/scan-request.ts';
import { chooseRoute } from '../routing/choose-route.ts';
import type { Principal, Tier } from '../types.ts';
import type { Models } from '../upstream/catalogue.ts';
import type { CountTokens } from '../upstream/count-tokens.ts';
import { readBody } from './read-body.ts';
import { sendJson } from './reply.ts';
import { forwardedSearch, type Scope } from './request-scope.ts';

export interface CountTokensParts {
  readonly authenticate: (rawHeaders: readonly string[]) => Promise<Principal>;
  readonly tierOf: (principal: Principal) => Tier;
  readonly modelsFor: (tier: Tier) => Models | Promise<Models>;
  readonly countTokens: CountTokens;
  readonly bodyBytes: number;
}

export function createCountTokensHandler(parts: CountTokensParts) {
  return async (scope: Scope): Promise<void> => {
    const principal = await parts.authenticate(scope.request.rawHeaders);
    const body = await readBody(scope, parts.bodyBytes);
    const scan = scanRequest(body);
    const tier = parts.tierOf(principal);
    const route = chooseRoute(tier, scan.model, await parts.modelsFor(tier));
    const { headers } = scope.request;
    const request = { dialect: 'anthropic', body, scan, headers, search: forwardedSearch(scope) } as const;
    const count = await parts.countTokens(route, request, scope.signal);
    const mark = count.estimated ? { 'x-gateway-token-estimate': '1' } : {};
    sendJson(scope, 200, { input_tokens: count.inputTokens }, mark);
  };
}
