/** How large a request's prompt is, by its bytes: looked at natively, never parsed. */

/** Bytes of text, and how many images and documents stand between them. */
export interface PromptSize {
  readonly textBytes: number;
  readonly media: number;
}

/** A string of this length that begins like base64, as such or in a `data:` address, is an image or a document. */
const LEAST_MEDIA_BYTES = 2048;
const BEGINNING = 256;
const BASE64 = /^(?:data:[\w/.+-]+;base64,)?[A-Za-z0-9+/_-]+$/;
const QUOTE = 0x22;

/** Measures a JSON body. Base64 data costs tokens by the piece, not by its length. */
export function measurePrompt(body: Uint8Array): PromptSize {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  if (!bytes.includes('base64')) return { textBytes: bytes.length, media: 0 };
  let mediaBytes = 0;
  let media = 0;
  // From quote to quote, whether they open or close: data has no quotes in it, so it is one such stretch.
  for (let at = bytes.indexOf(QUOTE); at >= 0; ) {
    const next = bytes.indexOf(QUOTE, at + 1);
    const length = next - at - 1;
    if (length >= LEAST_MEDIA_BYTES && BASE64.test(bytes.toString('latin1', at + 1, at + BEGINNING))) {
      mediaBytes += length;
      media++;
    }
    at = next;
  }
  return { textBytes: bytes.length - mediaBytes, media };
}
