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
  let textBytes = bytes.length;
  let media = 0;
  // Any piece is so long that a probe at every half of that length falls into it; data has no quotes inside.
  let probe = LEAST_MEDIA_BYTES / 2;
  while (probe < bytes.length) {
    const start = bytes.lastIndexOf(QUOTE, probe) + 1;
    const end = bytes.indexOf(QUOTE, probe + 1);
    if (end - start >= LEAST_MEDIA_BYTES && BASE64.test(bytes.toString('latin1', start, start + BEGINNING))) {
      textBytes -= end - start;
      media++;
    }
    probe = Math.max(end, probe) + LEAST_MEDIA_BYTES / 2;
  }
  return { textBytes, media };
}
