/**
 * A Keycloak-shaped identity provider on loopback: discovery, keys with rotation, and tokens signed to order, with
 * switches for the ways in which it can be slow or broken. It keeps no users and asks no one for a password.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CryptoKey, JWK } from 'jose';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export type Claims = Readonly<Record<string, unknown>>;

export interface FakeIssuerOptions {
  readonly realm?: string;
  /** Put into `aud` of tokens; default `llm-gateway`. */
  readonly audience?: string;
  /** Milliseconds since the epoch, for `iat` and `exp`; default the real time. */
  readonly clock?: () => number;
  /** Answers further paths; false: not this one. */
  readonly also?: (request: IncomingMessage, response: ServerResponse, fake: FakeIssuer) => boolean;
}

/** How the next requests are answered; `ok` is the beginning. */
export type Behaviour =
  | { readonly kind: 'ok' }
  /** The connection is cut before an answer. */
  | { readonly kind: 'down' }
  /** Accepts and says nothing, until the client gives up or the behaviour changes. */
  | { readonly kind: 'silent' }
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body?: string | Uint8Array;
      readonly headers?: Readonly<Record<string, string>>;
    };

export interface SignOptions {
  /** Replaces or, with `undefined`, removes header parameters. */
  readonly header?: Claims;
  /** `alg` of the realm's key to sign with; default RS256. */
  readonly algorithm?: string;
  /** Signs with another key than the realm's, under whatever `kid` the header says. */
  readonly key?: CryptoKey | Uint8Array;
}

export interface FakeIssuer {
  /** The realm's issuer URL. */
  readonly issuer: string;
  readonly jwksUri: string;
  /** How often each document was asked for. */
  readonly requests: { discovery: number; keys: number };
  /** How discovery and keys are answered. Change them at any time. */
  readonly behaviour: { discovery: Behaviour; keys: Behaviour };
  /** Milliseconds that every answer is held back. */
  delayMs: number;
  /** An access token as Keycloak 26 writes it; `claims` replace its claims or, with `undefined`, remove them. */
  sign(claims?: Claims, options?: SignOptions): Promise<string>;
  /** Makes a new key that signs from now on; the earlier ones stay published, as Keycloak's passive keys do. */
  rotate(options?: { readonly keepOld?: boolean; readonly algorithm?: string }): Promise<void>;
  /** Public keys now published. */
  published(): readonly JWK[];
  /** Publishes these members instead of (or beside) the realm's own. */
  publish(keys: readonly unknown[]): void;
  close(): Promise<void>;
}

interface RealmKey {
  readonly algorithm: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

async function makeKey(algorithm: string, kid: string): Promise<RealmKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' };
  return { algorithm, kid, privateKey, publicJwk };
}

/** Claims and header parameters set to `undefined` are left out, which `JSON.stringify` does by itself. */
function overlay(base: Claims, changes: Claims): Record<string, unknown> {
  return JSON.parse(JSON.stringify({ ...base, ...changes }));
}

/** Starts the issuer on a free port of 127.0.0.1. */
export async function startFakeIssuer(options: FakeIssuerOptions = {}): Promise<FakeIssuer> {
  const { realm = 'ai-hub', audience = 'llm-gateway', clock = Date.now } = options;
  let serial = 1;
  let signers: readonly RealmKey[] = [await makeKey('RS256', 'key-1')];
  let published: readonly unknown[] = signers.map(({ publicJwk }) => publicJwk);

  const server = createServer((request, response) => {
    setTimeout(answer, fake.delayMs, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer = `${origin}/realms/${realm}`;
  const jwksUri = `${issuer}/protocol/openid-connect/certs`;

  const documents: Readonly<
    Record<string, { readonly name: 'discovery' | 'keys'; readonly make: () => unknown }>
  > = {
    [`/realms/${realm}/.well-known/openid-configuration`]: {
      name: 'discovery',
      make: () => ({
        issuer,
        jwks_uri: jwksUri,
        authorization_endpoint: `${issuer}/protocol/openid-connect/auth`,
        token_endpoint: `${issuer}/protocol/openid-connect/token`,
        introspection_endpoint: `${issuer}/protocol/openid-connect/token/introspect`,
        id_token_signing_alg_values_supported: ['RS256'],
      }),
    },
    [`/realms/${realm}/protocol/openid-connect/certs`]: { name: 'keys', make: () => ({ keys: published }) },
  };

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const document = documents[request.url ?? ''];
    if (document === undefined) {
      if (options.also?.(request, response, fake) !== true) response.writeHead(404).end();
      return;
    }
    fake.requests[document.name] += 1;
    const behaviour = fake.behaviour[document.name];
    if (behaviour.kind === 'down') request.socket.destroy();
    else if (behaviour.kind === 'answer') {
      response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body);
    } else if (behaviour.kind === 'ok') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document.make()));
    }
  }

  function accessToken(): Claims {
    const now = Math.floor(clock() / 1000);
    serial += 1;
    return {
      exp: now + 300,
      iat: now,
      jti: `onrtac:${serial}`,
      iss: issuer,
      aud: audience,
      sub: '4fbf6a5e-3a44-4c84-9e39-2d0a62f5a001',
      typ: 'Bearer',
      azp: 'claude-code',
      sid: 'd6c4c7f1-6c2f-4f6e-9f0c-2a8e3b1d4c55',
      scope: 'openid profile',
      preferred_username: 'ada',
      resource_access: { 'llm-gateway': { roles: ['tier-pro'] } },
    };
  }

  const fake: FakeIssuer = {
    issuer,
    jwksUri,
    requests: { discovery: 0, keys: 0 },
    behaviour: { discovery: { kind: 'ok' }, keys: { kind: 'ok' } },
    delayMs: 0,

    async sign(claims = {}, { header = {}, algorithm, key } = {}) {
      const signer = signers.find((one) => algorithm === undefined || one.algorithm === algorithm);
      if (signer === undefined)
        throw new Error(`the fake issuer has no ${algorithm} key; rotate({ algorithm }) first`);
      const parameters = overlay({ alg: signer.algorithm, typ: 'JWT', kid: signer.kid }, header);
      return new SignJWT(overlay(accessToken(), claims))
        .setProtectedHeader(parameters as { alg: string })
        .sign(key ?? signer.privateKey);
    },

    async rotate({ keepOld = true, algorithm = 'RS256' } = {}) {
      serial += 1;
      const next = await makeKey(algorithm, `key-${serial}`);
      signers = keepOld ? [next, ...signers] : [next];
      published = signers.map(({ publicJwk }) => publicJwk);
    },

    published: () => signers.map(({ publicJwk }) => publicJwk),

    publish(keys) {
      published = keys;
    },

    close() {
      server.closeAllConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
  return fake;
}
