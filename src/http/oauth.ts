/**
 * The authorization server that Claude Code and the command line sign in at: metadata (RFC 8414), device grant
 * (RFC 8628), renewal, revocation (RFC 7009). Statuses follow what Claude Code was measured to do with them.
 */
import type { DeviceSignIn, Poll } from '../auth/device-sign-in.ts';
import type { Session, Sessions, SessionTokens } from '../auth/sessions.ts';
import { ERRORS, GatewayError } from '../errors.ts';
import { createAttempts } from './attempts.ts';
import type { ClientAddress } from './client-address.ts';
import { readForm } from './read-body.ts';
import { sendBytes, sendJson } from './reply.ts';
import type { Scope } from './request-scope.ts';

export interface OAuthParts {
  /** Where clients reach the gateway, without a trailing slash. */
  readonly publicUrl: string;
  readonly devices: Pick<DeviceSignIn, 'begin' | 'poll'>;
  readonly sessions: Pick<Sessions, 'start' | 'renew' | 'end'>;
  /** Whether a session's owner is there and has a subscription. */
  readonly isWelcome: (session: Session) => Promise<boolean>;
  /** Shown by the client beside the code. */
  readonly notice: string | undefined;
  readonly clientAddress: ClientAddress;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** Bytes; what clients send here is a few hundred. */
const FORM_BYTES = 16 * 1024;
/** RFC 6749 §5.1: nothing on the way may keep a token. */
const NO_STORE = { 'cache-control': 'no-store' };

export function createOAuthMetadataHandler({ publicUrl }: Pick<OAuthParts, 'publicUrl'>) {
  const metadata = {
    issuer: publicUrl,
    device_authorization_endpoint: `${publicUrl}/oauth/device_authorization`,
    token_endpoint: `${publicUrl}/oauth/token`,
    revocation_endpoint: `${publicUrl}/oauth/revoke`,
    grant_types_supported: [DEVICE_GRANT, 'refresh_token'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['none'],
    gateway_protocol_version: 1,
  };
  return (scope: Scope): void => sendJson(scope, 200, metadata);
}

export function createDeviceAuthorizationHandler(parts: OAuthParts) {
  const { publicUrl, devices, notice } = parts;
  const begun = createAttempts(parts.clock, parts.clientAddress);
  return async (scope: Scope): Promise<void> => {
    await readForm(scope, FORM_BYTES);
    const mayBegin = begun.mayTry(scope);
    begun.count(scope);
    const codes = mayBegin ? await devices.begin().catch(storeAway) : null;
    if (codes === null) {
      refuse(scope, 429, 'slow_down', 'Too many sign-ins are waiting; try again in some minutes.', {
        'retry-after': '60',
      });
      return;
    }
    const page = `${publicUrl}/device`;
    const body = {
      device_code: codes.deviceCode,
      user_code: codes.userCode,
      verification_uri: page,
      verification_uri_complete: `${page}?user_code=${codes.userCode}`,
      expires_in: codes.expiresIn,
      interval: codes.interval,
      ...(notice !== undefined && { login_notice: notice }),
    };
    sendJson(scope, 200, body, NO_STORE);
  };
}

/** What a waiting client is told, in the words of RFC 8628 §3.5. */
const WAITING: Readonly<Record<Exclude<Poll['kind'], 'approved'>, readonly [error: string, text: string]>> = {
  pending: ['authorization_pending', 'The sign-in is not finished yet.'],
  'too-fast': ['slow_down', 'Asked too often; wait five seconds more between two questions.'],
  denied: ['access_denied', 'The sign-in was denied in the browser.'],
  expired: ['expired_token', 'The sign-in took too long, or was used already; begin again.'],
};

export function createTokenHandler(parts: OAuthParts) {
  const { devices, sessions, isWelcome } = parts;

  async function grantDevice(scope: Scope, deviceCode: string): Promise<void> {
    const poll = await devices.poll(deviceCode).catch(storeAway);
    if (poll.kind === 'approved') sendTokens(scope, await sessions.start(poll.grant).catch(storeAway));
    else refuse(scope, 400, ...WAITING[poll.kind]);
  }

  async function grantRefresh(scope: Scope, refreshToken: string): Promise<void> {
    const tokens = await sessions.renew(refreshToken, isWelcome).catch(storeAway);
    if (tokens !== null) sendTokens(scope, tokens);
    else refuse(scope, 401, 'invalid_grant', 'The session has ended; sign in again.');
  }

  return async (scope: Scope): Promise<void> => {
    const form = await readForm(scope, FORM_BYTES);
    const grant = form.get('grant_type');
    if (grant === DEVICE_GRANT) return grantDevice(scope, required(form, 'device_code'));
    if (grant === 'refresh_token') return grantRefresh(scope, required(form, 'refresh_token'));
    refuse(scope, 400, 'unsupported_grant_type', `grant_type: expected "${DEVICE_GRANT}" or "refresh_token"`);
  };
}

/** Answers 200 whatever the token was (RFC 7009 §2.2). */
export function createRevokeHandler({ sessions }: Pick<OAuthParts, 'sessions'>) {
  return async (scope: Scope): Promise<void> => {
    const form = await readForm(scope, FORM_BYTES);
    await sessions.end(form.get('token') ?? '').catch(storeAway);
    sendBytes(scope, 200, '', NO_STORE);
  };
}

/** What {@link withOAuthErrors} says. */
class OAuthRefusal extends Error {}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name) ?? '';
  if (value === '') throw new OAuthRefusal(`${name}: is required`);
  return value;
}

/** These endpoints say what is wrong in OAuth's words, not in a dialect (RFC 6749 §5.2). */
export function withOAuthErrors(handle: (scope: Scope) => Promise<void>) {
  return async (scope: Scope): Promise<void> => {
    try {
      await handle(scope);
    } catch (error) {
      if (error instanceof OAuthRefusal) refuse(scope, 400, 'invalid_request', error.message);
      else if (!(error instanceof GatewayError)) throw error;
      else if (ERRORS[error.code].status >= 500)
        refuse(scope, 503, 'temporarily_unavailable', error.message, { 'retry-after': '5' });
      else refuse(scope, 400, 'invalid_request', error.message);
    }
  };
}

function storeAway(error: unknown): never {
  if (error instanceof GatewayError) throw error;
  throw new GatewayError(
    'identity_unavailable',
    'Sign-ins cannot be kept at the moment; try again shortly.',
    { cause: error },
  );
}

function sendTokens(scope: Scope, { accessToken, expiresIn, refreshToken, session }: SessionTokens): void {
  const body = {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: expiresIn,
    refresh_token: refreshToken,
    ...(session.email !== null && { email: session.email }),
  };
  sendJson(scope, 200, body, NO_STORE);
}

function refuse(
  scope: Scope,
  status: number,
  error: string,
  description: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendJson(scope, status, { error, error_description: description }, { ...NO_STORE, ...headers });
}
