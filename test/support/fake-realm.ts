/**
 * The fake issuer with people in it: code flow with PKCE, introspection, and the two questions of Keycloak's admin API
 * that the gateway asks. Whoever comes to its sign-in page is {@link FakeRealm.visitor}, at once.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FakeIssuer, startFakeIssuer } from './fake-issuer.ts';

export const SERVICE_SECRET = 'canary-service-secret';
export const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

export interface FakePerson {
  readonly sub: string;
  readonly name: string;
  roles: readonly string[];
  enabled: boolean;
}

export interface FakeRealm extends FakeIssuer {
  readonly people: Map<string, FakePerson>;
  /** Who signs in next, and with which session; null: nobody does. */
  visitor: { readonly sub: string; readonly sid: string } | null;
  /** Tokens that introspection knows, and what it says of them. */
  readonly opaque: Map<string, Readonly<Record<string, unknown>>>;
  /** Calls by what was asked. */
  readonly asked: { token: number; introspection: number; person: number };
  /** Answers nothing but its keys with an error. */
  isAway: boolean;
  /** Adds a person, named after their `sub`. */
  addPerson(sub: string, ...roles: readonly string[]): FakePerson;
  /** An access token of a person, as the realm would make it now. */
  tokenOf(sub: string, sid?: string): Promise<string>;
  logoutToken(claims: Readonly<Record<string, unknown>>): Promise<string>;
}

interface Grant {
  readonly sub: string;
  readonly sid: string;
  readonly challenge: string;
  readonly redirectUri: string;
}

const basic = `Basic ${Buffer.from(`llm-gateway-service:${SERVICE_SECRET}`).toString('base64')}`;

export async function startFakeRealm(): Promise<FakeRealm> {
  const grants = new Map<string, Grant>();
  const handlers: Readonly<Record<string, (call: Call) => unknown>> = {
    'GET /realms/ai-hub/protocol/openid-connect/auth': signInPage,
    'POST /realms/ai-hub/protocol/openid-connect/token': token,
    'POST /realms/ai-hub/protocol/openid-connect/token/introspect': introspect,
    'GET /admin/realms/ai-hub/clients': ({ headers }) =>
      headers.authorization === 'Bearer service-token' ? [{ id: 'client-uuid' }] : refuse(401),
    'GET /admin/realms/ai-hub/clients/client-uuid/evaluate-scopes/generate-example-access-token': ({
      query,
    }) => claimsOf(query.get('userId') ?? ''),
  };

  const issuer = await startFakeIssuer({
    also(request, response) {
      void answer(request, response);
      return true;
    },
  });
  const realm: FakeRealm = Object.assign(issuer, {
    people: new Map<string, FakePerson>(),
    visitor: null,
    opaque: new Map<string, Readonly<Record<string, unknown>>>(),
    asked: { token: 0, introspection: 0, person: 0 },
    isAway: false,
    addPerson(sub: string, ...roles: readonly string[]) {
      const person: FakePerson = { sub, name: sub, roles, enabled: true };
      realm.people.set(sub, person);
      return person;
    },
    tokenOf: (sub: string, sid = 'sid-of-token') => issuer.sign({ ...claimsOf(sub), sid }),
    logoutToken: (claims: Readonly<Record<string, unknown>>) =>
      issuer.sign({
        typ: 'Logout',
        exp: undefined,
        sub: undefined,
        sid: undefined,
        nonce: undefined,
        jti: randomUUID(),
        events: { [LOGOUT_EVENT]: {} },
        ...claims,
      }),
  });

  function claimsOf(sub: string) {
    const person = realm.people.get(sub);
    return {
      sub,
      preferred_username: person?.name,
      email: `${sub}@example.invalid`,
      resource_access: { 'llm-gateway': { roles: person?.roles ?? [] } },
    };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '', issuer.issuer);
    let body = '';
    for await (const part of request) body += String(part);
    const call = { headers: request.headers, query, form: new URLSearchParams(body), pathname };
    const handler = handlers[`${request.method} ${pathname}`] ?? person;
    const result = realm.isAway ? refuse(500) : await handler(call);
    if (result instanceof URL) response.writeHead(302, { location: result.href }).end();
    else if (result instanceof Refusal) response.writeHead(result.status).end(JSON.stringify(result.body));
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
  }

  function signInPage({ query }: Call): URL | Refusal {
    if (realm.visitor === null) return refuse(403);
    const code = randomUUID();
    const redirectUri = query.get('redirect_uri') ?? '';
    grants.set(code, { ...realm.visitor, challenge: query.get('code_challenge') ?? '', redirectUri });
    const next = new URL(redirectUri);
    next.searchParams.set('code', code);
    next.searchParams.set('state', query.get('state') ?? '');
    return next;
  }

  async function token({ form, headers }: Call): Promise<unknown> {
    realm.asked.token += 1;
    if (form.get('grant_type') === 'client_credentials')
      return headers.authorization === basic
        ? { access_token: 'service-token', expires_in: 300 }
        : refuse(401, { error: 'unauthorized_client' });
    const grant = grants.get(form.get('code') ?? '');
    grants.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isGood = grant?.challenge === challenge && grant.redirectUri === form.get('redirect_uri');
    if (grant === undefined || !isGood) return refuse(400, { error: 'invalid_grant' });
    return { access_token: await realm.tokenOf(grant.sub, grant.sid), token_type: 'Bearer' };
  }

  function introspect({ form, headers }: Call): unknown {
    realm.asked.introspection += 1;
    if (headers.authorization !== basic) return refuse(401);
    return realm.opaque.get(form.get('token') ?? '') ?? { active: false };
  }

  function person({ pathname, headers }: Call): unknown {
    const sub = /^\/admin\/realms\/ai-hub\/users\/([^/]+)$/.exec(pathname)?.[1];
    if (sub === undefined) return refuse(404);
    realm.asked.person += 1;
    if (headers.authorization !== 'Bearer service-token') return refuse(401);
    const found = realm.people.get(sub);
    return found === undefined ? refuse(404) : { id: sub, enabled: found.enabled };
  }

  return realm;
}

interface Call {
  readonly headers: IncomingMessage['headers'];
  readonly query: URLSearchParams;
  readonly form: URLSearchParams;
  readonly pathname: string;
}

class Refusal {
  readonly status: number;
  readonly body: unknown;
  constructor(status: number, body: unknown) {
    this.status = status;
    this.body = body;
  }
}

const refuse = (status: number, body: unknown = { error: 'refused' }) => new Refusal(status, body);
