/** RFC 7662, at a pace that strangers cannot raise. */
import { GatewayError } from '../errors.ts';
import type { JsonObject } from './fetch-json.ts';
import type { Realm } from './realm.ts';

/** Answers "not active" that one process takes before it pauses, and the pause: milliseconds. */
const MOST_MISSES = 50;
const MISS_WINDOW = 10_000;

/**
 * Asks a realm about tokens. Whoever sends made-up ones soon costs the realm nothing: after fifty in ten seconds
 * nobody unknown is asked about until the ten seconds are over.
 *
 * @param clock milliseconds since the epoch
 * @returns a function that throws GatewayError `identity_unavailable` when the realm cannot or will not be asked
 */
export function createIntrospect(
  realm: Pick<Realm, 'introspect'>,
  clock: () => number,
): (token: string) => Promise<JsonObject | null> {
  let window = { from: Number.NEGATIVE_INFINITY, misses: 0 };

  return async function introspect(token) {
    if (clock() - window.from >= MISS_WINDOW) window = { from: clock(), misses: 0 };
    if (window.misses >= MOST_MISSES) throw unavailable(undefined);
    // Counted before the answer, so that many at once are not let through together.
    const counted = window;
    counted.misses += 1;
    const claims = await realm.introspect(token).catch((error: unknown) => {
      throw unavailable(error);
    });
    if (claims !== null) counted.misses -= 1;
    return claims;
  };
}

function unavailable(cause: unknown): GatewayError {
  return new GatewayError(
    'identity_unavailable',
    'The identity provider cannot be asked about this token now; try again shortly.',
    { retryAfterSeconds: 10, cause },
  );
}
