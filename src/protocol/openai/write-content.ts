/** Parts of messages in Chat Completions form: text, images, files. */
import { GatewayError } from '../../errors.ts';
import type { DocumentPart, ImagePart, MediaSource, TextPart } from '../conversation.ts';
import { hasInk } from '../ink.ts';
import { mapSome } from '../map-some.ts';
import type { BackendProfile } from '../profile.ts';

const PDF = 'application/pdf';

export type ChatPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } }
  | { readonly type: 'file'; readonly file: { readonly filename: string; readonly file_data: string } };

export interface ContentOptions {
  readonly profile: BackendProfile;
  readonly dropped: Set<string>;
}

/** A message's content: one string where it is all text, because many templates take nothing else. */
export function toContent(parts: readonly ChatPart[]): string | readonly ChatPart[] {
  const texts = mapSome(parts, (part) => (part.type === 'text' ? part.text : null));
  return texts.length === parts.length ? texts.join('\n\n') : parts;
}

/**
 * One part for a user message. What the model cannot see is named in its place: a refusal would make every later
 * turn of the conversation fail too.
 *
 * @throws GatewayError `not_supported` for a document given by its address, which Chat Completions cannot say
 */
export function toChatParts(
  part: TextPart | ImagePart | DocumentPart,
  options: ContentOptions,
): readonly ChatPart[] {
  if (part.type === 'text') return hasInk(part.text) ? [{ type: 'text', text: part.text }] : [];
  return part.type === 'image' ? [toImage(part, options)] : toDocument(part, options);
}

function toImage(part: ImagePart, { profile, dropped }: ContentOptions): ChatPart {
  if (profile.vision) return { type: 'image_url', image_url: { url: toUrl(part.source) } };
  dropped.add('content.image');
  return { type: 'text', text: '[image omitted: model has no vision]' };
}

function toDocument(part: DocumentPart, { profile, dropped }: ContentOptions): readonly ChatPart[] {
  const heading = [part.title === null ? '[document]' : `[document: ${part.title}]`, part.context ?? ''];
  if (part.source.kind === 'text') return [text([...heading, part.source.text])];
  if (part.source.kind === 'url') {
    throw new GatewayError(
      'not_supported',
      'A document given by its address is not available on this model.',
    );
  }
  if (part.source.mediaType !== PDF || !profile.pdf) {
    dropped.add('content.document');
    const kind = part.source.mediaType === PDF ? 'PDF omitted: model cannot read PDFs' : 'document omitted';
    return [text([...heading, `[${kind}]`])];
  }
  const named = part.title !== null || part.context !== null;
  const file = { filename: toFilename(part.title), file_data: toUrl(part.source) };
  return [...(named ? [text(heading)] : []), { type: 'file', file }];
}

function toFilename(title: string | null): string {
  if (title === null) return 'document.pdf';
  return /\.pdf$/i.test(title) ? title : `${title}.pdf`;
}

function text(lines: readonly string[]): ChatPart {
  return { type: 'text', text: lines.filter(hasInk).join('\n') };
}

function toUrl(source: MediaSource): string {
  return source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`;
}
