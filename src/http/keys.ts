/** `/auth/keys`: the caller's own keys. */
import type { Caller } from '../auth/authenticate.ts';
import type { HeldKey, KeyKind, ListedKey, PersonalKeys } from '../auth/personal-keys.ts';
import { GatewayError } from '../errors.ts';
import { readBody } from './read-body.ts';
import { sendBytes, sendJson } from './reply.ts';
import type { Scope } from './request-scope.ts';

export interface KeysParts {
  readonly identify: (rawHeaders: readonly string[]) => Promise<Caller>;
  readonly keys: PersonalKeys;
  /** Whether an owner can be asked about later, so that a key does not outlive them. */
  readonly canKeep: (caller: Caller) => boolean;
  /** Most keys of a kind that a caller may have. */
  readonly atMost: (caller: Caller, kind: KeyKind) => number;
  /** Life of a key in days: when none is asked for, and the longest. */
  readonly days: number;
  readonly mostDays: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Bytes. */
const BODY_BYTES = 16 * 1024;
const DAY = 86_400_000;
/** A key is shown once; nothing on the way may keep it. */
const NO_STORE = { 'cache-control': 'no-store' };
const FIELDS = ['name', 'kind', 'expires_in_days'];

export function createKeysHandlers(parts: KeysParts) {
  const { keys } = parts;

  /** Keys manage no keys: one that leaks must not be able to outlive its discovery. */
  async function person(scope: Scope): Promise<Caller> {
    const caller = await parts.identify(scope.request.rawHeaders);
    if (caller.via === 'personal-key' || caller.via === 'service-key') {
      throw new GatewayError('permission_denied', 'A key cannot manage keys; use the token of your sign-in.');
    }
    return caller;
  }

  async function create(scope: Scope): Promise<void> {
    const caller = await person(scope);
    const document = parse(await readBody(scope, BODY_BYTES));
    const { key, held } = await createKey(parts, caller, document);
    sendJson(scope, 201, { ...toBody({ ...held, lastUsedAt: null }), key }, NO_STORE);
  }

  async function list(scope: Scope): Promise<void> {
    const { owner } = await person(scope);
    const listed = await keys.list(owner).catch(storeAway);
    sendJson(scope, 200, { keys: listed.map(toBody) }, NO_STORE);
  }

  async function revoke(scope: Scope): Promise<void> {
    const { owner } = await person(scope);
    const id = scope.path.slice('/auth/keys/'.length);
    if (!(await keys.revoke(owner, id).catch(storeAway)))
      throw new GatewayError('route_not_found', 'You have no key with this id; GET /auth/keys lists them.');
    sendBytes(scope, 204, '', NO_STORE);
  }

  return { create, list, revoke };
}

/**
 * Makes a key for somebody who has signed in.
 *
 * @param document `name`, `kind` and `expires_in_days` as they were sent
 * @throws GatewayError `invalid_request`, `conflict`, `not_supported`, `identity_unavailable`
 */
export async function createKey(
  parts: KeysParts,
  caller: Caller,
  document: Readonly<Record<string, unknown>>,
): Promise<{ readonly key: string; readonly held: HeldKey }> {
  if (!parts.canKeep(caller)) {
    throw new GatewayError(
      'not_supported',
      'Keys need a client with which the gateway can ask your realm about you (auth.keycloak.service).',
    );
  }
  const wanted = readWanted(document, parts);
  const { owner, principal } = caller;
  return parts.keys
    .create({
      ...wanted,
      owner,
      user: principal.user,
      expiresAt: parts.clock() + wanted.days * DAY,
      atMost: parts.atMost(caller, wanted.kind),
    })
    .catch(storeAway);
}

interface Wanted {
  readonly name: string;
  readonly kind: KeyKind;
  readonly days: number;
}

function readWanted(
  document: Readonly<Record<string, unknown>>,
  { days, mostDays }: Pick<KeysParts, 'days' | 'mostDays'>,
): Wanted {
  const unknown = Object.keys(document).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined)
    throw invalid(`"${unknown.slice(0, 40)}" is not a field; expected ${FIELDS.join(', ')}`);
  const { name, kind = 'personal', expires_in_days: life = days } = document;
  if (typeof name !== 'string' || !/^[^\p{C}]{1,100}$/u.test(name))
    throw invalid('name: expected 1 to 100 characters');
  if (kind !== 'personal' && kind !== 'service') throw invalid('kind: expected "personal" or "service"');
  if (typeof life !== 'number' || !Number.isInteger(life) || life < 1 || life > mostDays)
    throw invalid(`expires_in_days: expected a whole number from 1 to ${mostDays}`);
  return { name, kind, days: life };
}

function parse(body: Uint8Array): Readonly<Record<string, unknown>> {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw invalid('The request body is not valid JSON.');
  }
  if (typeof document === 'object' && document !== null && !Array.isArray(document))
    return document as Readonly<Record<string, unknown>>;
  throw invalid('The request body must be a JSON object.');
}

const invalid = (message: string) => new GatewayError('invalid_request', message);

function toBody({ id, kind, name, createdAt, expiresAt, lastUsedAt }: ListedKey) {
  return {
    id,
    kind,
    name,
    created_at: isoTime(createdAt),
    expires_at: isoTime(expiresAt),
    last_used_at: lastUsedAt === null ? null : isoTime(lastUsedAt),
  };
}

const isoTime = (ms: number) => new Date(ms).toISOString();

function storeAway(error: unknown): never {
  if (error instanceof GatewayError) throw error;
  throw new GatewayError(
    'identity_unavailable',
    'The store of keys does not answer; nothing was changed, try again shortly.',
    { retryAfterSeconds: 5, cause: error },
  );
}
