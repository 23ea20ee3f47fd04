/**
 * Fetches what an OpenID provider publishes about itself: its metadata, and from there its public keys.
 */
import { fetchJson } from './fetch-json.ts';

/** One member of a JSON Web Key Set, as far as it is looked at here. */
export interface PublishedKey {
  readonly kty?: unknown;
  readonly use?: unknown;
  readonly alg?: unknown;
  readonly [member: string]: unknown;
}

export interface IssuerKeysOptions {
  /** The issuer exactly as its tokens and its metadata spell it. */
  readonly issuer: string;
  /** Where the keys are; absent: asked of the issuer's metadata. */
  readonly jwksUri?: string | undefined;
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds that one load may take, metadata and keys together. */
  readonly timeoutMs: number;
  /** Ends a load under way when the process stops. */
  readonly signal: AbortSignal;
}

/**
 * @returns a function that fetches the keys once; it throws a plain Error that says what was wrong, free of contents
 */
export function createIssuerKeys(options: IssuerKeysOptions): () => Promise<readonly PublishedKey[]> {
  let jwksUri = options.jwksUri;

  return async function fetchKeys() {
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
    const get = (url: string) => fetchJson(url, { fetch: options.fetch, signal });
    try {
      jwksUri ??= readJwksUri(await get(metadataUrl(options.issuer)), options.issuer);
      return readKeys(await get(jwksUri));
    } catch (error) {
      // The address may be what has changed: ask for it again the next time.
      jwksUri = options.jwksUri;
      throw error;
    }
  };
}

/** OpenID Connect Discovery 1.0 §4: the path is appended to the issuer, also where it has a path itself. */
export function metadataUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

/** Discovery §4.3: metadata of another issuer, be it a trailing slash away, must not be used. */
export function readJwksUri(metadata: Readonly<Record<string, unknown>>, issuer: string): string {
  if (metadata.issuer !== issuer) {
    throw new Error(`the metadata names another issuer than the configured "${issuer}"`);
  }
  return readAddress(metadata, 'jwks_uri', issuer);
}

/** An address out of an issuer's metadata; https wherever the issuer is. */
export function readAddress(
  metadata: Readonly<Record<string, unknown>>,
  name: string,
  issuer: string,
): string {
  const address = metadata[name];
  if (typeof address !== 'string' || !URL.canParse(address))
    throw new Error(`the metadata holds no usable ${name}`);
  const { protocol } = new URL(address);
  const plainAllowed = issuer.startsWith('http://');
  if (protocol !== 'https:' && !(plainAllowed && protocol === 'http:')) {
    throw new Error(`the ${name} of an https issuer must be https, not "${protocol}"`);
  }
  return address;
}

/** The keys that may verify signatures; encryption keys and secrets are left out. */
export function readKeys(jwks: Readonly<Record<string, unknown>>): readonly PublishedKey[] {
  const { keys } = jwks;
  if (!Array.isArray(keys)) throw new Error('the key document holds no "keys"');
  return keys.filter(isSigningKey);
}

function isSigningKey(key: unknown): key is PublishedKey {
  if (typeof key !== 'object' || key === null) return false;
  const { use, d, k } = key as PublishedKey;
  return use === 'sig' && d === undefined && k === undefined;
}
