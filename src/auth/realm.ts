/**
 * What the gateway says to a realm of Keycloak in its own name: signing people in, and asking about them. Each call is
 * bounded; what is kept of the answers is kept by whoever calls.
 */
import { askJson, type FetchJsonOptions, fetchJson, type JsonObject } from './fetch-json.ts';
import { metadataUrl, readAddress } from './issuer-keys.ts';

export interface RealmOptions {
  /** The issuer exactly as its tokens and its metadata spell it. */
  readonly issuer: string;
  /** The public client that people sign in with. */
  readonly clientId: string;
  /** The confidential client that asks about tokens and people; absent: nothing can be asked. */
  readonly service?: ServiceClient | undefined;
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds that one call may take; default 5,000. */
  readonly timeoutMs?: number | undefined;
}

export interface ServiceClient {
  readonly clientId: string;
  readonly clientSecret: { reveal(): string };
}

/** What a realm says of a person now. */
export type PersonState =
  | { readonly kind: 'active'; readonly claims: JsonObject }
  /** Disabled or deleted. */
  | { readonly kind: 'gone' };

export interface SignInRequest {
  readonly redirectUri: string;
  readonly state: string;
  /** SHA-256 of the verifier, base64url (RFC 7636). */
  readonly codeChallenge: string;
}

export interface CodeExchange {
  readonly code: string;
  readonly redirectUri: string;
  readonly codeVerifier: string;
}

/** Every method throws a plain Error, free of secrets and contents, when the realm does not answer as it should. */
export interface Realm {
  readonly issuer: string;
  /** Whether {@link Realm.introspect} and {@link Realm.lookUp} can be asked. */
  readonly canAsk: boolean;
  /** Where the browser is sent to sign in. */
  signInUrl(request: SignInRequest): Promise<string>;
  /** Where a browser ends its session at the realm; it is asked there, and sent on to `returnTo`. */
  signOutUrl(returnTo: string): Promise<string>;
  /** The access token for a code; null where the realm refuses the code. */
  exchange(exchange: CodeExchange): Promise<string | null>;
  /** RFC 7662: the token's claims, null when it is not active. */
  introspect(token: string): Promise<JsonObject | null>;
  /** A person by `sub`, with the claims that a token made now would have. */
  lookUp(sub: string): Promise<PersonState>;
}

interface ServiceToken {
  readonly token: string;
  readonly expiresAt: number;
}

export function createRealm(options: RealmOptions): Realm {
  const { issuer, clientId, service, fetch, timeoutMs = 5000 } = options;
  let metadata: JsonObject | null = null;
  let clientKey: string | null = null;

  const bounds = () => ({ fetch, signal: AbortSignal.timeout(timeoutMs) });

  async function endpoint(name: string): Promise<string> {
    if (metadata === null) {
      const document = await fetchJson(metadataUrl(issuer), bounds());
      if (document.issuer !== issuer)
        throw new Error(`the metadata names another issuer than the configured "${issuer}"`);
      metadata = document;
    }
    return readAddress(metadata, name, issuer);
  }

  const { credentials, askAdmin } = createServiceClient(options, bounds, endpoint);

  async function findClientKey(): Promise<string> {
    if (clientKey !== null) return clientKey;
    const { status, document } = await askAdmin(`/clients?clientId=${encodeURIComponent(clientId)}`);
    const [found] = Array.isArray(document) ? (document as readonly { readonly id?: unknown }[]) : [];
    if (typeof found?.id !== 'string')
      throw new Error(`the realm does not show the client "${clientId}" (${status})`);
    clientKey = found.id;
    return clientKey;
  }

  return {
    issuer,
    canAsk: service !== undefined,

    async signInUrl({ redirectUri, state, codeChallenge }) {
      const url = new URL(await endpoint('authorization_endpoint'));
      const parameters = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: 'openid',
        state,
        code_challenge: codeChallenge,
        code_challenge_method: 'S256',
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    },

    async signOutUrl(returnTo) {
      // OpenID Connect RP-Initiated Logout 1.0.
      const url = new URL(await endpoint('end_session_endpoint'));
      url.searchParams.set('client_id', clientId);
      url.searchParams.set('post_logout_redirect_uri', returnTo);
      return url.href;
    },

    async exchange({ code, redirectUri, codeVerifier }) {
      const form = {
        grant_type: 'authorization_code',
        client_id: clientId,
        code,
        redirect_uri: redirectUri,
        code_verifier: codeVerifier,
      };
      const { status, document } = await askJson(await endpoint('token_endpoint'), { ...bounds(), form });
      const { access_token: token, error } = document;
      if (status === 200 && typeof token === 'string') return token;
      if (error === 'invalid_grant') return null;
      throw new Error(`the realm answered the code with ${status}`);
    },

    async introspect(token) {
      const headers = credentials();
      const form = { token };
      const address = await endpoint('introspection_endpoint');
      const { status, document } = await askJson(address, { ...bounds(), headers, form });
      if (status !== 200) throw new Error(`the realm answered an introspection with ${status}`);
      return document.active === true ? document : null;
    },

    async lookUp(sub) {
      const user = encodeURIComponent(sub);
      const person = await askAdmin(`/users/${user}`);
      if (person.status === 404) return { kind: 'gone' };
      const { enabled } = (person.document ?? {}) as { readonly enabled?: unknown };
      if (person.status !== 200 || typeof enabled !== 'boolean')
        throw new Error(`the realm answered the look-up of a person with ${person.status}`);
      if (!enabled) return { kind: 'gone' };
      // The claims as the realm's own mappers make them, so that tiers are read from them as from a token.
      const path = `/clients/${await findClientKey()}/evaluate-scopes/generate-example-access-token`;
      const { status, document } = await askAdmin(`${path}?userId=${user}&scope=openid`);
      if (status !== 200 || typeof document !== 'object' || document === null)
        throw new Error(`the realm answered the look-up of a person's roles with ${status}`);
      return { kind: 'active', claims: document as JsonObject };
    },
  };
}

/** The gateway's own sign-in at the realm, for what it asks in its own name. */
function createServiceClient(
  { issuer, service, fetch, clock }: RealmOptions,
  bounds: () => Pick<FetchJsonOptions, 'fetch' | 'signal'>,
  endpoint: (name: string) => Promise<string>,
) {
  let serviceToken: ServiceToken | null = null;

  function credentials(): Readonly<Record<string, string>> {
    if (service === undefined) throw new Error('no client is configured to ask the realm with');
    // RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
    const pair = [service.clientId, service.clientSecret.reveal()].map(encodeURIComponent).join(':');
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
  }

  async function signInAsService(): Promise<string> {
    if (serviceToken !== null && serviceToken.expiresAt > clock()) return serviceToken.token;
    const form = { grant_type: 'client_credentials' };
    const headers = credentials();
    const asked = await askJson(await endpoint('token_endpoint'), { ...bounds(), headers, form });
    const { access_token: token, expires_in: seconds } = asked.document;
    if (asked.status !== 200 || typeof token !== 'string')
      throw new Error(`the realm refused the gateway's own client (${asked.status})`);
    // Half of its life: never sent when it may have ended on the way.
    serviceToken = { token, expiresAt: clock() + Number(seconds ?? 0) * 500 };
    return token;
  }

  /** Keycloak's admin API lies beside its realms. */
  async function askAdmin(path: string): Promise<{ status: number; document: unknown }> {
    const base = issuer.replace('/realms/', '/admin/realms/');
    const headers = { authorization: `Bearer ${await signInAsService()}` };
    const { signal } = bounds();
    const response = await fetch(base + path, { redirect: 'manual', signal, headers });
    const document: unknown = await response.json().catch(() => null);
    if (response.status === 401) serviceToken = null;
    return { status: response.status, document };
  }

  return { credentials, askAdmin };
}
