/** A response that passes as it is but for what it repeats of its request, where a backend was told another thing. */
import type { JsonObject } from '../json.ts';
import { type ByteRange, type Edit, findField, spliceBytes } from '../scan-request.ts';

/** The frame of an event that carries a response. Frames that nothing can be said in come back as they are. */
export function restateFrame(frame: Uint8Array, echo: JsonObject): Uint8Array {
  return splice(frame, echo, (event) => findField(frame, event, 'response'));
}

/** A whole response. */
export function restateBody(body: Uint8Array, echo: JsonObject): Uint8Array {
  return splice(body, echo, (response) => response);
}

const OPEN_BRACE = 0x7b;
const UTF8 = new TextEncoder();

/** Fields that the response does not have are not added; not a byte of the rest changes. */
function splice(
  bytes: Uint8Array,
  echo: JsonObject,
  find: (object: ByteRange) => ByteRange | undefined,
): Uint8Array {
  try {
    const response = find({ start: bytes.indexOf(OPEN_BRACE), end: bytes.length });
    if (response === undefined) return bytes;
    const edits = Object.entries(echo).flatMap(([name, value]): readonly Edit[] => {
      const range = findField(bytes, response, name);
      return range === undefined ? [] : [{ range, bytes: UTF8.encode(JSON.stringify(value)) }];
    });
    return spliceBytes(bytes, edits);
  } catch {
    // A backend's JSON that we do not read is for the client to judge.
    return bytes;
  }
}
