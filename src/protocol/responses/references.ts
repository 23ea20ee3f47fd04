/**
 * Items that a request names by their id instead of repeating them. A backend would look them up under the gateway's
 * own account, where ids are everybody's; so they are put in from what is kept here, or refused.
 */
import { cutElements } from '../cut-elements.ts';
import { asObject, asText, type JsonObject } from '../json.ts';
import {
  type ByteRange,
  findField,
  parseBody,
  type ScannedBody,
  scanArray,
  scanRequest,
  spliceBytes,
} from '../scan-request.ts';
import { canGoBack } from './history.ts';

/** A reference at its place in `input`. */
export interface Reference {
  readonly index: number;
  readonly id: string;
}

/** The items that are references, without parsing the others. Costs nothing where the scan saw none. */
export function referencesIn({ body, scan }: ScannedBody): readonly Reference[] {
  const input = scan.fields.get('input');
  if (input === undefined || !scan.namesItems) return [];
  return scanArray(body, input).flatMap((range, index) => {
    const isPlain = PLAIN.has(asText(read(body, findField(body, range, 'type'))));
    if (!isPlain || body[range.start] !== OPEN_BRACE) return [];
    const { type, role, content, id } = asObject(read(body, range));
    const isReference = type === REFERENCE || (role === undefined && content === undefined);
    return isReference ? [{ index, id: asText(id) }] : [];
  });
}

const OPEN_BRACE = 0x7b;
const REFERENCE = 'item_reference';
/** What the type of a reference may be: OpenAI takes one without. */
const PLAIN: ReadonlySet<string> = new Set([REFERENCE, '']);

const read = (body: Uint8Array, range: ByteRange | undefined): unknown =>
  range === undefined ? undefined : parseBody(body.subarray(range.start, range.end));

/**
 * The request with items in the places of the references to them; not a byte of the rest changes.
 *
 * @param found by id; those that cannot be handed back are left out
 * @throws GatewayError `invalid_request` where the longer body cannot be read
 */
export function withItems(
  { body, scan }: ScannedBody,
  references: readonly Reference[],
  found: ReadonlyMap<string, JsonObject>,
): ScannedBody {
  const items = scanArray(body, scan.fields.get('input') ?? NOWHERE);
  const cut = items.map(() => false);
  const edits = references.flatMap(({ index, id }) => {
    const range = items[index];
    const item = found.get(id);
    if (item === undefined || !canGoBack(item)) cut[index] = true;
    return cut[index] === true || range === undefined
      ? []
      : [{ range, bytes: UTF8.encode(JSON.stringify(item)) }];
  });
  const cuts = cutElements(items, cut).map((range) => ({ range, bytes: NOTHING }));
  const whole = spliceBytes(body, [...edits, ...cuts]);
  return { body: whole, scan: scanRequest(whole) };
}

const UTF8 = new TextEncoder();
const NOTHING = new Uint8Array(0);
const NOWHERE: ByteRange = { start: 0, end: 0 };
