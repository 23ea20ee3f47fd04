/** A conversation that goes on from a response which was kept: what was said before, in front of what is said now. */
import { asList, asObject, isObject, type JsonObject, parseJson } from '../json.ts';
import { readField, type ScannedBody, scanRequest, spliceBytes, withoutField } from '../scan-request.ts';

/** The `input` of a request as a list of items. */
export function itemsOf({ body, scan }: ScannedBody): readonly unknown[] {
  const input = readField(body, scan, 'input');
  if (typeof input !== 'string') return asList(input);
  return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }];
}

/**
 * The request with `history` in front of its input, in place of `previous_response_id`.
 *
 * @throws GatewayError `invalid_request` where the longer body cannot be read
 */
export function withHistory(request: ScannedBody, history: readonly unknown[]): ScannedBody {
  const { body, scan } = withoutField(request, 'previous_response_id');
  const range = scan.fields.get('input');
  if (range === undefined) return { body, scan };
  const items = [...history, ...itemsOf({ body, scan })];
  const longer = spliceBytes(body, [{ range, bytes: UTF8.encode(JSON.stringify(items)) }]);
  return { body: longer, scan: scanRequest(longer) };
}

const UTF8 = new TextEncoder();

/** What of an answer belongs to the conversation. */
export function historyOf(response: JsonObject): readonly unknown[] {
  return asList(response.output).filter((item) => canGoBack(asObject(item)));
}

/** Reasoning that was not handed out cannot be handed back. */
export const canGoBack = ({ type, encrypted_content: sealed }: JsonObject): boolean =>
  type !== 'reasoning' || typeof sealed === 'string';

const ENDINGS = ['response.completed', 'response.incomplete'];

/** The finished response in what is sent to a client; `null` where it has no end, or a bad one. */
export function finishedResponse(sent: string, isStream: boolean): JsonObject | null {
  const response = isStream ? lastEvent(sent) : parseJson(sent);
  return isObject(response) && typeof response.id === 'string' ? response : null;
}

function lastEvent(sent: string): unknown {
  const frame =
    sent
      .trimEnd()
      .split(/\r?\n\r?\n/)
      .at(-1) ?? '';
  const data = frame
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length))
    .join('\n');
  const { type, response } = asObject(parseJson(data));
  return ENDINGS.includes(String(type)) ? response : null;
}
