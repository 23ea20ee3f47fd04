import { GatewayError } from '../errors.ts';

/**
 * Malformed, unknown, revoked, forged: the caller reads one sentence for all of them, so that trying keys teaches
 * nothing.
 *
 * @param reason for the log; never a part of the credential
 */
export function invalidCredential(reason: string): GatewayError {
  return new GatewayError(
    'invalid_credential',
    'The key or token is not valid for this gateway; check it, or sign in again for a new one.',
    { cause: new Error(reason) },
  );
}

/** Told apart because the client can help itself: Claude Code runs its apiKeyHelper again and goes on. */
export function expiredCredential(): GatewayError {
  return new GatewayError('expired_credential', 'The token has expired; sign in again for a new one.');
}
