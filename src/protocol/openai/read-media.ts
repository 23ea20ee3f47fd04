/** Images and files of Chat Completions requests (O-07). */
import { GatewayError } from '../../errors.ts';
import type { DocumentPart, ImagePart, MediaSource } from '../conversation.ts';
import { asObject, asText, type JsonObject } from '../json.ts';
import { invalid } from '../read-fields.ts';

const IMAGE_TYPES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);
const DATA_URL = /^data:(?<mediaType>[\w.+/-]*)(?:;[\w.+=-]+)*?;base64,/i;

/** @throws GatewayError `invalid_request` when the address is neither http(s) nor image data */
export function readImageUrl(part: JsonObject, path: string): ImagePart {
  const url = asText(part.image_url) || asText(asObject(part.image_url).url);
  if (/^https?:\/\//i.test(url)) return { type: 'image', source: { kind: 'url', url } };
  const source = readDataUrl(url);
  if (source === null || !IMAGE_TYPES.has(source.mediaType)) {
    throw invalid(
      `${path}.image_url.url`,
      'expected an http or https address, or base64 data of a PNG, JPEG, GIF or WebP image',
    );
  }
  return { type: 'image', source };
}

/** @throws GatewayError `not_supported` for an uploaded file's id, `invalid_request` for other kinds of files */
export function readFile(part: JsonObject, path: string): DocumentPart {
  const file = asObject(part.file);
  if (asText(file.file_id) !== '') {
    throw new GatewayError('not_supported', `${path}.file: files by id are not available on this model`);
  }
  const source = readDataUrl(asText(file.file_data));
  const title = asText(file.filename) || null;
  if (source?.mediaType === 'application/pdf') return { type: 'document', title, context: null, source };
  if (source?.mediaType.startsWith('text/')) {
    const text = new TextDecoder().decode(Uint8Array.from(atob(source.data), (byte) => byte.charCodeAt(0)));
    return { type: 'document', title, context: null, source: { kind: 'text', text } };
  }
  throw invalid(`${path}.file.file_data`, 'expected base64 data of a PDF or of a text');
}

function readDataUrl(url: string): Extract<MediaSource, { kind: 'base64' }> | null {
  const head = DATA_URL.exec(url);
  if (head === null) return null;
  const data = url.slice(head[0].length).replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(data)) return null;
  const mediaType = (head.groups?.mediaType ?? '').toLowerCase();
  return { kind: 'base64', mediaType: mediaType === 'image/jpg' ? 'image/jpeg' : mediaType, data };
}
