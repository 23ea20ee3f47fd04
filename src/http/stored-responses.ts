/** `GET` and `DELETE /v1/responses/{id}`: what the caller asked to be kept, and nobody else's. */
import { GatewayError } from '../errors.ts';
import type { StoredResponses } from '../responses-store/stored-responses.ts';
import type { Principal } from '../types.ts';
import { sendJson } from './reply.ts';
import type { Scope } from './request-scope.ts';

export interface StoredResponsesParts {
  readonly authenticate: (rawHeaders: readonly string[]) => Promise<Principal>;
  /** `null` where nothing is kept. */
  readonly stored: StoredResponses | null;
}

export function createReadResponseHandler({ authenticate, stored }: StoredResponsesParts) {
  return async (scope: Scope): Promise<void> => {
    const { subject } = await authenticate(scope.request.rawHeaders);
    const kept = await stored?.get(subject, idIn(scope));
    if (kept === undefined || kept === null) throw notKept(stored);
    sendJson(scope, 200, kept.response);
  };
}

export function createDeleteResponseHandler({ authenticate, stored }: StoredResponsesParts) {
  return async (scope: Scope): Promise<void> => {
    const { subject } = await authenticate(scope.request.rawHeaders);
    const id = idIn(scope);
    if (stored === null || !(await stored.delete(subject, id))) throw notKept(stored);
    sendJson(scope, 200, { id, object: 'response.deleted', deleted: true });
  };
}

const idIn = ({ path }: Scope) => path.slice('/v1/responses/'.length);

const notKept = (stored: StoredResponses | null) =>
  new GatewayError(
    'route_not_found',
    stored === null ? 'This gateway keeps no responses.' : 'No response of yours with this id is kept.',
  );
