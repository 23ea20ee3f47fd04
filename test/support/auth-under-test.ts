/** The whole of auth/ put together as the gateway does it, over an issuer of the test and with the test's clock. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Authenticate } from '../../src/auth/authenticate.ts';
import { createAuthenticator } from '../../src/auth/authenticate.ts';
import { createKeyring, hashKey, mintKey } from '../../src/auth/keys.ts';
import type { TokenVerifier } from '../../src/auth/oidc.ts';
import { createTokenVerifier } from '../../src/auth/oidc.ts';
import { GatewayError } from '../../src/errors.ts';
import type { Principal } from '../../src/types.ts';

/** A static key of the user `ada` in the tier `pro`, accepted by every {@link startAuth}. */
export const STATIC_KEY = mintKey(randomBytes);

export interface AuthUnderTest {
  readonly verifier: TokenVerifier;
  readonly authenticate: Authenticate;
  /** Authenticates with `Authorization: Bearer <credential>`. */
  send(credential: string): Promise<Principal>;
  /** Waits until no fetch is under way, so that the clock can be moved without overtaking one. */
  fetchesEnded(): Promise<void>;
}

/** Starts it; nothing refreshes by timer, only the test moves time. Close the verifier at the end. */
export function startAuth(issuer: string, clock: () => number): AuthUnderTest {
  const underWay = new Set<Promise<unknown>>();
  const verifier = createTokenVerifier({
    issuer,
    audience: 'llm-gateway',
    fetch: (...args) => {
      const answer = fetch(...args);
      underWay.add(answer);
      answer.catch(() => undefined).finally(() => underWay.delete(answer));
      return answer;
    },
    clock,
    every: () => () => undefined,
  });
  const authenticate = createAuthenticator({
    keyring: createKeyring([{ hash: hashKey(STATIC_KEY), user: 'ada', tier: 'pro' }]),
    verifiers: [verifier],
    tierRules: [
      {
        claim: 'resource_access.llm-gateway.roles',
        values: { 'tier-free': 'free', 'tier-pro': 'pro', 'tier-enterprise': 'enterprise' },
      },
    ],
    defaultTier: 'free',
    tiers: [
      { name: 'free', rank: 0 },
      { name: 'pro', rank: 1 },
      { name: 'enterprise', rank: 2 },
    ],
  });
  return {
    verifier,
    authenticate,
    send: (credential) => authenticate(['authorization', `Bearer ${credential}`]),
    async fetchesEnded() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** `accepted`, or the code of the refusal; any other failure fails the test. */
export async function codeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return error.code;
  }
  return 'accepted';
}
