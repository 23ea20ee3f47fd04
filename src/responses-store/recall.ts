/** What a Responses request refers to: put in place before it goes on, and kept when its answer is there. */
import { GatewayError } from '../errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import { finishedResponse, historyOf, itemsOf, withHistory } from '../protocol/responses/history.ts';
import { type Reference, referencesIn, withItems } from '../protocol/responses/references.ts';
import { readField, type ScannedBody } from '../protocol/scan-request.ts';
import type { Dialect, Principal } from '../types.ts';
import type { StoredResponses } from './stored-responses.ts';

type Request = ScannedBody & {
  readonly dialect: Dialect;
  /** What the answer repeats of the request, whatever a backend is told. */
  readonly echo?: JsonObject | undefined;
};

/** Is handed the last piece of an answer before it is sent: the end of a stream, or all of a body. */
export type Keeper = (last: Uint8Array | string) => Promise<void>;

export interface Memory {
  /**
   * The request with everything that it refers to, and with what its answer says of being kept.
   *
   * @throws GatewayError `previous_response_not_found`; `invalid_request` for items that are not kept; `not_supported`
   *   for what is kept nowhere; `store_unavailable`
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
      const references = referencesIn(request);
      if (stored === null) {
        refuseReferences(id, references);
        return request;
      }
      const store = asksToKeep(request);
      const kept = store || id !== null ? { ...request, echo: { store, previous_response_id: id } } : request;
      if (id === null && references.length === 0) return kept;
      return recallFrom(stored, principal, kept, id, references);
    },
    keeper({ subject }, request) {
      if (stored === null || request.dialect !== 'responses' || !asksToKeep(request)) return undefined;
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

const asksToKeep = ({ body, scan }: Request): boolean => readField(body, scan, 'store') === true;

function refuseReferences(id: unknown, [reference]: readonly Reference[]): void {
  if (id !== null) {
    throw new GatewayError(
      'not_supported',
      'previous_response_id: this gateway keeps no responses; send the whole conversation as input.',
    );
  }
  if (reference !== undefined) {
    throw new GatewayError(
      'not_supported',
      `input.${reference.index}: this gateway keeps no items; send the item itself.`,
    );
  }
}

async function recallFrom<R extends Request>(
  stored: StoredResponses,
  { subject }: Principal,
  request: R,
  id: unknown,
  references: readonly Reference[],
): Promise<R> {
  const whole = { ...request, ...(await putIn(stored, subject, request, references)) };
  if (id === null) return whole;
  const earlier = typeof id === 'string' ? await stored.get(subject, id) : null;
  if (earlier !== null) return { ...whole, ...withHistory(whole, earlier.items) };
  throw new GatewayError(
    'previous_response_not_found',
    'previous_response_id: no response of yours with this id is kept; send the whole conversation as input.',
  );
}

/** The request with the items that it refers to. */
async function putIn(
  stored: StoredResponses,
  subject: string,
  request: ScannedBody,
  references: readonly Reference[],
): Promise<ScannedBody> {
  if (references.length === 0) return request;
  const items = await stored.items(subject, new Set(references.map(({ id }) => id)));
  const missing = references.find(({ id }) => !items.has(id));
  if (missing !== undefined) {
    throw new GatewayError(
      'invalid_request',
      `input.${missing.index}: no item of yours with this id is kept; send the item itself, or have answers kept with store: true.`,
    );
  }
  return withItems(request, references, items);
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
