/** From the gateway's address to the server that people sign in at. */
import { askJson, type JsonAnswer } from '../ask.ts';
import { CommandFailure } from '../command.ts';

export interface SignInServer {
  readonly issuer: string;
  readonly deviceEndpoint: string;
  readonly tokenEndpoint: string;
  /** Null where it has none. */
  readonly revocationEndpoint: string | null;
}

const KEY_INSTEAD = 'sign in with a key instead: llm-gateway login --with-key';

/**
 * The issuers whose tokens a gateway takes (RFC 9728).
 *
 * @throws CommandFailure when it names none, or is known by another address (§3.3: its word then counts for nothing)
 */
export async function findIssuers(gateway: string): Promise<readonly string[]> {
  // Behind the path of a gateway and not before it as in §3.1: that much of the address is what proxies pass on.
  const { status, body } = await askJson(`${gateway}/.well-known/oauth-protected-resource`);
  if (status === 404)
    throw new CommandFailure(
      `${gateway} does not say where to sign in; name it with --issuer, or ${KEY_INSTEAD}`,
    );
  const { resource, authorization_servers: issuers } = body;
  if (status !== 200 || typeof resource !== 'string' || !Array.isArray(issuers))
    throw new CommandFailure(`${gateway} does not answer like an LLM gateway (status ${status})`);
  if (resource.replace(/\/+$/, '') !== gateway)
    throw new CommandFailure(`the gateway at ${gateway} calls itself ${resource}; use --url ${resource}`);
  return issuers.filter((issuer) => typeof issuer === 'string');
}

/**
 * Where a device can be signed in at an issuer (OpenID Connect Discovery, RFC 8628 §4).
 *
 * @throws CommandFailure when it cannot
 */
export async function describeIssuer(issuer: string): Promise<SignInServer> {
  const answer = await askJson(`${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`);
  const text = (name: string) => textAt(answer, name);
  const [deviceEndpoint, tokenEndpoint] = [text('device_authorization_endpoint'), text('token_endpoint')];
  if (answer.status !== 200 || tokenEndpoint === null)
    throw new CommandFailure(`${issuer} does not describe how to sign in (status ${answer.status})`);
  if (text('issuer') !== issuer)
    throw new CommandFailure(`the identity provider at ${issuer} calls itself ${text('issuer')}`);
  if (deviceEndpoint === null)
    throw new CommandFailure(
      `${issuer} lets no devices sign in (device authorization grant); ${KEY_INSTEAD}`,
    );
  return { issuer, deviceEndpoint, tokenEndpoint, revocationEndpoint: text('revocation_endpoint') };
}

function textAt({ body }: JsonAnswer, name: string): string | null {
  const value = body[name];
  return typeof value === 'string' ? value : null;
}
