/**
 * oidc-provider, a conformant authorization server that shares no code with ours, on loopback: JWT access tokens for
 * the resource "the gateway", real sign-in with a browser's steps, keys that can be rotated, and a plug to pull.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWK } from 'jose';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';

const RESOURCE = 'https://gateway.example/';
const SCOPE = 'gateway';
const CLIENT = 'claude-code';
const REDIRECT_URI = 'https://client.example/callback';

export interface Tokens {
  readonly access_token: string;
  readonly id_token?: string;
  readonly refresh_token?: string;
}

export interface AuthorizationServer {
  readonly issuer: string;
  /** Requests for metadata and for keys. */
  readonly requests: { discovery: number; keys: number };
  /** While true every connection is cut. */
  down: boolean;
  /** Client credentials grant: a token whose subject is the client itself. */
  clientToken(): Promise<string>;
  /** Authorization code grant with PKCE, as a browser goes through it. */
  signIn(user: string): Promise<Tokens>;
  /** Signs with a new key from now on; the earlier ones stay published. */
  rotate(): Promise<void>;
  close(): Promise<void>;
}

async function makeKey(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
}

/** Roles per subject, put into the token the way Keycloak does. */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  ada: ['tier-pro'],
  [CLIENT]: ['tier-enterprise'],
};

function configuration(keys: readonly JWK[]): Readonly<Record<string, unknown>> {
  return {
    // The default one is the same, with a warning to operators at every start.
    adapter: createMemoryAdapter(0),
    clients: [
      {
        client_id: CLIENT,
        client_secret: 'a-secret-of-this-test',
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
        redirect_uris: [REDIRECT_URI],
      },
    ],
    jwks: { keys },
    ttl: {
      AccessToken: 7200,
      ClientCredentials: 7200,
      Grant: 7200,
      IdToken: 7200,
      Interaction: 600,
      RefreshToken: 7200,
      Session: 7200,
    },
    cookies: { keys: ['a-cookie-key-of-this-test'] },
    scopes: ['openid', 'offline_access'],
    findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    extraTokenClaims: (_context: unknown, token: { accountId?: string; clientId?: string }) => ({
      resource_access: { 'llm-gateway': { roles: ROLES[token.accountId ?? token.clientId ?? ''] } },
    }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: SCOPE,
          audience: 'llm-gateway',
          accessTokenFormat: 'jwt',
          accessTokenTTL: 2 * 3600,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  };
}

export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  let keys: readonly JWK[] = [await makeKey('first')];
  let provider: Provider;
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  provider = new Provider(issuer, configuration(keys));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '', issuer).pathname;
    if (path === '/.well-known/openid-configuration') self.requests.discovery += 1;
    if (path === '/jwks') self.requests.keys += 1;
    if (self.down) request.socket.destroy();
    else if (path.startsWith('/interaction/')) await consent(request, response);
    else provider.callback()(request, response);
  }

  /** The pages on which a person would type a name and press "allow". */
  async function consent(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { prompt, session } = await provider.interactionDetails(request, response);
    if (prompt.name === 'login') {
      const accountId = request.headers['x-test-user'];
      await provider.interactionFinished(request, response, { login: { accountId } });
      return;
    }
    const grant = new provider.Grant({ accountId: session?.accountId ?? '', clientId: CLIENT });
    grant.addOIDCScope('openid offline_access');
    grant.addResourceScope(RESOURCE, SCOPE);
    const result = { consent: { grantId: await grant.save() } };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  }

  async function askForTokens(grant: Readonly<Record<string, string>>): Promise<Tokens> {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${CLIENT}:a-secret-of-this-test`).toString('base64')}`,
      },
      body: new URLSearchParams({ resource: RESOURCE, ...grant }),
    });
    const body = (await response.json()) as Tokens;
    if (response.status !== 200) throw new Error(`no token: ${JSON.stringify(body)}`);
    return body;
  }

  async function authorize(user: string, verifier: string): Promise<string> {
    const cookies = new Map<string, string>();
    const query = new URLSearchParams({
      client_id: CLIENT,
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      scope: `openid offline_access ${SCOPE}`,
      prompt: 'consent',
      resource: RESOURCE,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    let url = new URL(`/auth?${query}`, issuer);
    for (let step = 0; step < 10; step += 1) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, { redirect: 'manual', headers: { cookie, 'x-test-user': user } });
      for (const line of response.headers.getSetCookie()) {
        const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=');
        cookies.set(name, value);
      }
      const location = response.headers.get('location');
      if (location === null)
        throw new Error(`sign-in ended with ${response.status}: ${await response.text()}`);
      url = new URL(location, issuer);
      if (url.href.startsWith(REDIRECT_URI)) return url.searchParams.get('code') ?? '';
    }
    throw new Error('sign-in goes round in circles');
  }

  const self: AuthorizationServer = {
    issuer,
    requests: { discovery: 0, keys: 0 },
    down: false,
    async clientToken() {
      return (await askForTokens({ grant_type: 'client_credentials', scope: SCOPE })).access_token;
    },
    async signIn(user) {
      const verifier = randomBytes(32).toString('base64url');
      const code = await authorize(user, verifier);
      return askForTokens({
        grant_type: 'authorization_code',
        code,
        redirect_uri: REDIRECT_URI,
        code_verifier: verifier,
      });
    },
    async rotate() {
      keys = [await makeKey(`key-${keys.length + 1}`), ...keys];
      provider = new Provider(issuer, configuration(keys));
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
  return self;
}
