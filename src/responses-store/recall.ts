/** What a Responses request refers to: put in place before it goes on, and kept when its answer is there. */
import { GatewayError } from '../errors.ts';
import { finishedResponse, historyOf, itemsOf, withHistory } from '../protocol/responses/history.ts';
import { readField, type ScannedBody } from '../protocol/scan-request.ts';
import type { Dialect, Principal } from '../types.ts';
import type { StoredResponses } from './stored-responses.ts';

type Request = ScannedBody & { readonly dialect: Dialect };

/** Is handed the last piece of an answer before it is sent: the end of a stream, or all of a body. */
export type Keeper = (last: Uint8Array | string) => Promise<void>;

export interface Memory {
  /**
   * The request with everything that it refers to.
   *
   * @throws GatewayError `previous_response_not_found`; `not_supported` for what is kept nowhere
   */
  recall<R extends Request>(principal: Principal, request: R): R | Promise<R>;
  /** What keeps the answer; `undefined` where nobody asked for that. */
  keeper(principal: Principal, request: Request): Keeper | undefined;
}

/**
 * Makes the memory of responses.
 *
 * @param stored `null` where nothing is kept
 * @param onFailure told when an answer could not be kept
 */
export function createMemory(stored: StoredResponses | null, onFailure: (error: unknown) => void): Memory {
  return {
    recall(principal, request) {
      if (request.dialect !== 'responses') return request;
      refuseForeignState(request);
      const id = readField(request.body, request.scan, 'previous_response_id') ?? null;
      return id === null ? request : recallFrom(stored, principal, request, id);
    },
    keeper({ subject }, request) {
      const isAsked =
        request.dialect === 'responses' && readField(request.body, request.scan, 'store') === true;
      if (stored === null || !isAsked) return undefined;
      const keep = async (sent: string) => {
        const response = finishedResponse(sent, request.scan.stream);
        if (response === null) return;
        const items = [...itemsOf(request), ...historyOf(response)];
        await stored.put(subject, { response: { ...response, id: String(response.id) }, items });
      };
      return (last) => keep(typeof last === 'string' ? last : UTF8.decode(last)).catch(onFailure);
    },
  };
}

const UTF8 = new TextDecoder();

async function recallFrom<R extends Request>(
  stored: StoredResponses | null,
  { subject }: Principal,
  request: R,
  id: unknown,
): Promise<R> {
  if (stored === null) {
    throw new GatewayError(
      'not_supported',
      'previous_response_id: this gateway keeps no responses; send the whole conversation as input.',
    );
  }
  const earlier = typeof id === 'string' ? await stored.get(subject, id) : null;
  if (earlier !== null) return { ...request, ...withHistory(request, earlier.items) };
  throw new GatewayError(
    'previous_response_not_found',
    'previous_response_id: no response of yours with this id is kept; send the whole conversation as input.',
  );
}

/** A backend would look these up under the gateway's own account, where they are everybody's. */
function refuseForeignState({ body, scan }: Request): void {
  const conversation = readField(body, scan, 'conversation') ?? null;
  if (conversation !== null) {
    throw new GatewayError(
      'not_supported',
      'conversation: not kept here; use previous_response_id or input.',
    );
  }
  if (readField(body, scan, 'background') === true) {
    throw new GatewayError('not_supported', 'background: only answers that are waited for are available.');
  }
}
