/**
 * Reasoning that the gateway sealed for another backend, taken out of a request that is otherwise passed on as it is:
 * OpenAI ends a thread over blobs that are not its own (codex.md §8).
 */
import { cutElements } from '../cut-elements.ts';
import { asObject, asText } from '../json.ts';
import { parseBody, type ScannedBody, scanArray, scanRequest, spliceBytes } from '../scan-request.ts';
import { SEAL_MARK } from './sealed-reasoning.ts';

// The mark is ASCII, and decoding is native.
const UTF8 = new TextDecoder();
const NOTHING = new Uint8Array(0);

/**
 * The request without reasoning items of ours; not a byte of the rest changes.
 *
 * Costs one native search over `input` where there is none.
 *
 * @throws GatewayError `invalid_request` when the input is no JSON
 */
export function dropSealed(request: ScannedBody): ScannedBody {
  const { body, scan } = request;
  const input = scan.fields.get('input');
  if (input === undefined) return request;
  if (!UTF8.decode(body.subarray(input.start, input.end)).includes(SEAL_MARK)) return request;
  const items = scanArray(body, input);
  const cut = items.map((item) => {
    const { type, encrypted_content } = asObject(parseBody(body.subarray(item.start, item.end)));
    return type === 'reasoning' && asText(encrypted_content).startsWith(SEAL_MARK);
  });
  if (!cut.includes(true)) return request;
  const edits = cutElements(items, cut).map((range) => ({ range, bytes: NOTHING }));
  const shortened = spliceBytes(body, edits);
  return { body: shortened, scan: scanRequest(shortened) };
}
