/** `POST /auth/backchannel-logout`: the realm tells that a session ended (OpenID Connect Back-Channel Logout 1.0). */
import type { Denied } from '../auth/denied.ts';
import type { TokenVerifier } from '../auth/oidc.ts';
import { issuerOf } from '../auth/token-rules.ts';
import { GatewayError } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import { readForm } from './read-body.ts';
import { sendBytes, sendJson } from './reply.ts';
import type { Scope } from './request-scope.ts';

export interface BackchannelLogoutParts {
  readonly verifiers: readonly TokenVerifier[];
  readonly denied: Pick<Denied, 'deny'>;
  readonly log: Log;
}

/** Bytes. */
const FORM_BYTES = 16 * 1024;
/** §2.8. */
const NO_STORE = { 'cache-control': 'no-store' };

export function createBackchannelLogoutHandler({ verifiers, denied, log }: BackchannelLogoutParts) {
  async function logOut(token: string): Promise<void> {
    const verifier = verifiers.find(({ issuer }) => issuer === issuerOf(token));
    if (verifier === undefined)
      throw new GatewayError(
        'invalid_credential',
        'The logout token is of an issuer that is not configured.',
      );
    const { issuer, sub, sid, issuedAt } = await verifier.verifyLogout(token);
    await denied.deny({ issuer, sub, sid, at: issuedAt });
    log.info({ issuer, whole: sid === undefined }, 'a session was ended by the identity provider');
  }

  return async (scope: Scope): Promise<void> => {
    const form = await readForm(scope, FORM_BYTES);
    try {
      await logOut(form.get('logout_token') ?? '');
    } catch (error) {
      // §2.8 has 400 for what cannot be done as well; 503 makes whoever retries come back.
      const isBad = error instanceof GatewayError && error.code !== 'identity_unavailable';
      log.warn(isBad ? { reason: reasonOf(error) } : { err: error }, 'a logout was not taken');
      const [status, code] = isBad ? ([400, 'invalid_request'] as const) : ([503, 'server_error'] as const);
      const description = isBad ? 'The logout token is not valid.' : 'The logout cannot be kept now.';
      sendJson(scope, status, { error: code, error_description: description }, NO_STORE);
      return;
    }
    sendBytes(scope, 200, '', NO_STORE);
  };
}

/** The gateway's own words; nothing of a token is in them. */
const reasonOf = ({ cause, message }: GatewayError) => (cause instanceof Error ? cause.message : message);
