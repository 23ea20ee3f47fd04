/** What a natively signed-in Claude Code asks for beside inference: its managed settings, and a place for telemetry. */
import { createHash } from 'node:crypto';
import { GatewayError } from '../errors.ts';
import type { Principal } from '../types.ts';
import { readBytes } from './read-body.ts';
import { sendBytes, sendJson } from './reply.ts';
import type { Scope } from './request-scope.ts';

type Authenticate = (rawHeaders: readonly string[]) => Promise<Principal>;
type Settings = Readonly<Record<string, unknown>>;

/**
 * `GET /managed/settings`. Claude Code asks at every start and does not start on any answer but settings, "unchanged"
 * or "none" (404).
 *
 * @param settings by tier; `default` for the others
 */
export function createManagedSettingsHandler(
  authenticate: Authenticate,
  settings: Readonly<Record<string, Settings>>,
) {
  const prepared = new Map(Object.entries(settings).map(([tier, one]) => [tier, prepare(one)]));

  return async (scope: Scope): Promise<void> => {
    const { tier } = await authenticate(scope.request.rawHeaders);
    const found = prepared.get(tier) ?? prepared.get('default');
    if (found === undefined)
      throw new GatewayError('route_not_found', 'There are no managed settings for your tier.');
    const { body, etag } = found;
    const headers = { etag, 'cache-control': 'private, no-cache' };
    if (scope.request.headers['if-none-match'] === etag) sendBytes(scope, 304, '', headers);
    else sendJson(scope, 200, body, headers);
  };
}

function prepare(settings: Settings) {
  const hex = createHash('sha256')
    .update(JSON.stringify(sorted(settings)))
    .digest('hex');
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  const checksum = `sha256:${hex}`;
  return { body: { uuid, checksum, settings }, etag: `"${checksum}"` };
}

/** With the keys of every object in order, as the checksum is made. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => [key, sorted(one)] as const);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Bytes of one batch. */
const TELEMETRY_BYTES = 4 * 1024 * 1024;

/** `POST /v1/metrics`, `/v1/logs`, `/v1/traces`: read to its end, so that the connection lives on, and dropped. */
export function createTelemetrySink(authenticate: Authenticate) {
  return async (scope: Scope): Promise<void> => {
    await authenticate(scope.request.rawHeaders);
    await readBytes(scope, TELEMETRY_BYTES);
    sendBytes(scope, 200, '', {});
  };
}

/**
 * `GET /.well-known/oauth-protected-resource` (RFC 9728): where to get tokens for this gateway.
 *
 * @param resource where clients reach it
 */
export function createProtectedResourceHandler(resource: string, issuers: readonly string[]) {
  const body = {
    resource,
    authorization_servers: issuers,
    bearer_methods_supported: ['header'],
    resource_name: 'LLM gateway',
  };
  return (scope: Scope): void => sendJson(scope, 200, body);
}
