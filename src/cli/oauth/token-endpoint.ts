/** The token and revocation endpoints of an authorization server, for a public client (RFC 6749, RFC 7009). */
import { askJson, type JsonAnswer } from '../ask.ts';
import { CommandFailure, EXIT_UNAVAILABLE } from '../command.ts';

export interface Tokens {
  readonly accessToken: string;
  /** Seconds. */
  readonly expiresIn: number;
  /** Null where the server gives none, or the earlier one stays. */
  readonly refreshToken: string | null;
}

/** Where a server gives no life: short enough to be asked for again in time. Seconds. */
const DEFAULT_LIFE = 300;

export function postForm(url: string, fields: Readonly<Record<string, string>>): Promise<JsonAnswer> {
  return askJson(url, { method: 'POST', body: new URLSearchParams(fields) });
}

/** Null where the answer holds no tokens. */
export function readTokens({ status, body }: JsonAnswer): Tokens | null {
  const { access_token, expires_in, refresh_token } = body;
  if (status !== 200 || typeof access_token !== 'string') return null;
  return {
    accessToken: access_token,
    expiresIn: typeof expires_in === 'number' && expires_in > 0 ? expires_in : DEFAULT_LIFE,
    refreshToken: typeof refresh_token === 'string' ? refresh_token : null,
  };
}

export interface RefreshRequest {
  readonly tokenEndpoint: string;
  readonly clientId: string;
  readonly refreshToken: string;
}

/**
 * @returns null when the server says that the sign-in has ended
 * @throws CommandFailure when it gives no answer, or another one
 */
export async function refreshTokens(request: RefreshRequest): Promise<Tokens | null> {
  const answer = await postForm(request.tokenEndpoint, {
    grant_type: 'refresh_token',
    client_id: request.clientId,
    refresh_token: request.refreshToken,
  });
  const tokens = readTokens(answer);
  if (tokens !== null) return tokens;
  if (answer.body.error === 'invalid_grant') return null;
  throw refused(request.tokenEndpoint, answer);
}

/** What a server says about an error of its own, in one sentence. */
export function refused(url: string, { status, body }: JsonAnswer): CommandFailure {
  const said = [body.error, body.error_description].filter((one) => typeof one === 'string').join(': ');
  const { origin } = new URL(url);
  return new CommandFailure(
    `${origin} answered ${status}${said === '' ? '' : ` (${said})`}`,
    EXIT_UNAVAILABLE,
  );
}

/** Ends the sign-in at the server. */
export async function revokeToken(
  revocationEndpoint: string,
  clientId: string,
  token: string,
): Promise<void> {
  const answer = await postForm(revocationEndpoint, {
    client_id: clientId,
    token,
    token_type_hint: 'refresh_token',
  });
  if (answer.status !== 200) throw refused(revocationEndpoint, answer);
}
