/** Images and documents of Anthropic requests. */
import { GatewayError } from '../../errors.ts';
import type { DocumentPart, ImagePart, MediaSource } from '../conversation.ts';
import { hasInk } from '../ink.ts';
import { asList, asObject, asText, isObject, type JsonObject } from '../json.ts';
import { invalid, type Notes } from '../read-fields.ts';

const IMAGE_TYPES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

/** How the data of each image type begins in base64, after the formats' magic bytes. */
const IMAGE_STARTS = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
] as const;

/** @throws GatewayError when the image is of no known type, or names a file or an address that cannot be used */
export function readImage(block: JsonObject, path: string): ImagePart {
  const source = readSource(block, path);
  if (source.type === 'base64') return { type: 'image', source: readImageData(source, `${path}.source`) };
  if (source.type === 'url') return { type: 'image', source: readAddress(source, `${path}.source`) };
  throw unusable(source, `${path}.source`, 'image');
}

/** @throws GatewayError as {@link readImage} */
export function readDocument(block: JsonObject, path: string, dropped: Notes): DocumentPart {
  const source = readSource(block, path);
  if (asObject(block.citations).enabled === true) dropped.add('citations');
  return {
    type: 'document',
    title: asText(block.title) || null,
    context: asText(block.context) || null,
    source: readDocumentSource(source, `${path}.source`, dropped),
  };
}

function readDocumentSource(source: JsonObject, path: string, dropped: Notes): DocumentPart['source'] {
  if (source.type === 'base64') {
    const mediaType = asText(source.media_type) || 'application/pdf';
    return { kind: 'base64', mediaType, data: readData(source, path) };
  }
  if (source.type === 'url') return readAddress(source, path);
  if (source.type === 'text') return { kind: 'text', text: readData(source, path) };
  if (source.type === 'content') return { kind: 'text', text: readInnerContent(source.content, dropped) };
  throw unusable(source, path, 'document');
}

function readInnerContent(content: unknown, dropped: Notes): string {
  if (typeof content === 'string') return content;
  const blocks = asList(content).map(asObject);
  if (blocks.some((block) => block.type !== 'text')) dropped.add('document.content');
  return blocks
    .map((block) => asText(block.text))
    .filter(hasInk)
    .join('\n\n');
}

function readSource(block: JsonObject, path: string): JsonObject {
  if (!isObject(block.source)) throw invalid(`${path}.source`, 'expected an object');
  return block.source;
}

function readImageData(source: JsonObject, path: string): MediaSource {
  // Line breaks are legal in base64 bodies of mail, and no data URL allows them.
  const data = readData(source, path).replace(/\s+/g, '');
  const mediaType = asText(source.media_type) || IMAGE_STARTS.find(([start]) => data.startsWith(start))?.[1];
  if (mediaType === undefined || !IMAGE_TYPES.has(mediaType)) {
    throw invalid(`${path}.media_type`, `expected one of ${[...IMAGE_TYPES].join(', ')}`);
  }
  return { kind: 'base64', mediaType, data };
}

function readData(source: JsonObject, path: string): string {
  if (typeof source.data !== 'string') throw invalid(`${path}.data`, 'expected a string');
  return source.data;
}

/** The gateway fetches nothing itself, so only what the backend can fetch passes. */
function readAddress(source: JsonObject, path: string): MediaSource {
  if (typeof source.url !== 'string' || !/^https?:\/\//i.test(source.url)) {
    throw invalid(`${path}.url`, 'expected an http or https address');
  }
  return { kind: 'url', url: source.url };
}

/** Leaving it out would change the question, which is usually about it. */
function unusable(source: JsonObject, path: string, what: string): GatewayError {
  if (source.type !== 'file') return invalid(`${path}.type`, 'expected base64, url, text or content');
  return new GatewayError('not_supported', `${path}: a ${what} by file id is not available on this model`);
}
