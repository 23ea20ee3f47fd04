/** Parts of Responses messages and of tool outputs. */
import { GatewayError } from '../../errors.ts';
import type { DocumentPart, ImagePart, TextPart } from '../conversation.ts';
import { asText, isObject, type JsonObject } from '../json.ts';
import { readFile, readImageUrl } from '../openai/read-media.ts';
import { invalid } from '../read-fields.ts';

export type ContentPart = TextPart | ImagePart | DocumentPart;

type ReadPart = (part: JsonObject, path: string) => ContentPart;

const readText: ReadPart = (part, path) => {
  if (typeof part.text !== 'string') throw invalid(`${path}.text`, 'expected a string');
  return { type: 'text', text: part.text };
};

const USER_PARTS: ReadonlyMap<string, ReadPart> = new Map<string, ReadPart>([
  ['input_text', readText],
  ['input_image', readImage],
  ['input_file', readInputFile],
  ['output_text', readText],
  ['text', readText],
  ['refusal', (part) => ({ type: 'text', text: asText(part.refusal) })],
  ['input_audio', refuseAudio],
]);

/**
 * Reads a content: a string, or a list of parts.
 *
 * @throws GatewayError `invalid_request` naming the place of an unknown part, `not_supported` for audio and for files
 *   by id
 */
export function readContent(content: unknown, path: string): readonly ContentPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw invalid(path, 'expected a string or an array of parts');
  return content.map((part: unknown, i) => {
    const at = `${path}.${i}`;
    if (!isObject(part)) throw invalid(at, 'expected an object');
    const read = USER_PARTS.get(asText(part.type));
    if (read === undefined)
      throw invalid(`${at}.type`, `expected one of ${[...USER_PARTS.keys()].join(', ')}`);
    return read(part, at);
  });
}

function readImage(part: JsonObject, path: string): ImagePart {
  if (asText(part.file_id) !== '') throw byId(path);
  return readImageUrl(part, path);
}

function readInputFile(part: JsonObject, path: string): DocumentPart {
  if (asText(part.file_id) !== '') throw byId(path);
  const url = asText(part.file_url);
  if (url === '') return readFile({ file: part }, path);
  if (!/^https?:\/\//i.test(url)) throw invalid(`${path}.file_url`, 'expected an http or https address');
  return {
    type: 'document',
    title: asText(part.filename) || null,
    context: null,
    source: { kind: 'url', url },
  };
}

function byId(path: string): GatewayError {
  return new GatewayError('not_supported', `${path}: files by id are not available on this model`);
}

function refuseAudio(_: JsonObject, path: string): never {
  throw new GatewayError('not_supported', `${path}: audio is not available on this model`);
}
