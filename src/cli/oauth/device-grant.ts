/** The device authorization grant (RFC 8628) with PKCE, which Keycloak asks for where a client's settings say so. */
import { createHash, randomBytes } from 'node:crypto';
import { CommandFailure, EXIT_NOT_PERMITTED, EXIT_UNAVAILABLE } from '../command.ts';
import type { SignInServer } from './discover.ts';
import { postForm, readTokens, refused, type Tokens } from './token-endpoint.ts';

export interface DeviceCode {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUri: string;
  /** With the code in it; null where the server makes none. */
  readonly verificationUriComplete: string | null;
  /** Seconds. */
  readonly expiresIn: number;
  readonly interval: number;
  /** PKCE. */
  readonly verifier: string;
}

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
/** RFC 8628 §3.2 and §3.5. Seconds. */
const DEFAULT_INTERVAL = 5;
const SLOWER = 5;

/** @throws CommandFailure when the server does not begin a sign-in */
export async function requestDeviceCode(server: SignInServer, clientId: string): Promise<DeviceCode> {
  const verifier = randomBytes(32).toString('base64url');
  const answer = await postForm(server.deviceEndpoint, {
    client_id: clientId,
    scope: 'openid',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const { device_code, user_code, verification_uri, verification_uri_complete, expires_in, interval } =
    answer.body;
  if (
    typeof device_code !== 'string' ||
    typeof user_code !== 'string' ||
    typeof verification_uri !== 'string'
  )
    throw refused(server.deviceEndpoint, answer);
  return {
    deviceCode: device_code,
    userCode: user_code,
    verificationUri: verification_uri,
    verificationUriComplete: typeof verification_uri_complete === 'string' ? verification_uri_complete : null,
    expiresIn: typeof expires_in === 'number' ? expires_in : 600,
    interval: typeof interval === 'number' && interval > 0 ? interval : DEFAULT_INTERVAL,
    verifier,
  };
}

const ENDINGS: Readonly<Record<string, string>> = {
  access_denied: 'the sign-in was denied in the browser',
  expired_token: 'nobody signed in in time; begin again',
};

/**
 * Asks until the person has decided.
 *
 * @param pause waits so many milliseconds
 * @throws CommandFailure when the sign-in was denied, took too long, or the server refuses
 */
export async function waitForTokens(
  server: SignInServer,
  clientId: string,
  code: DeviceCode,
  pause: (ms: number) => Promise<unknown>,
): Promise<Tokens> {
  let interval = code.interval;
  for (let waited = interval; waited <= code.expiresIn; waited += interval) {
    await pause(interval * 1000);
    const answer = await ask(server, clientId, code);
    // A network that is away for a moment need not end a sign-in.
    if (answer === null) continue;
    const tokens = readTokens(answer);
    if (tokens !== null) return tokens;
    const error = `${answer.body.error}`;
    const ending = Object.hasOwn(ENDINGS, error) ? ENDINGS[error] : undefined;
    if (ending !== undefined) throw new CommandFailure(ending, EXIT_NOT_PERMITTED);
    if (error === 'slow_down') interval += SLOWER;
    else if (error !== 'authorization_pending') throw refused(server.tokenEndpoint, answer);
  }
  throw new CommandFailure(`${ENDINGS.expired_token}`, EXIT_NOT_PERMITTED);
}

async function ask({ tokenEndpoint }: SignInServer, clientId: string, { deviceCode, verifier }: DeviceCode) {
  try {
    return await postForm(tokenEndpoint, {
      grant_type: GRANT,
      client_id: clientId,
      device_code: deviceCode,
      code_verifier: verifier,
    });
  } catch (error) {
    if (error instanceof CommandFailure && error.status === EXIT_UNAVAILABLE) return null;
    throw error;
  }
}
