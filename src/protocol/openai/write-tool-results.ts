/** Tool results in Chat Completions form, where a tool message holds text and nothing else. */
import type { ToolResultPart } from '../conversation.ts';
import { hasInk } from '../ink.ts';
import { type ChatPart, type ContentOptions, toChatParts } from './write-content.ts';

export interface WrittenResult {
  /** The id of its call, as it is sent. */
  readonly id: string;
  /** Text of the tool message. */
  readonly content: string;
  /** Images and files, for the user message that follows the tool messages. */
  readonly media: readonly ChatPart[];
}

const ALREADY_SAYS_ERROR = /^\s*(?:error|<tool_use_error>)/i;

/**
 * Writes the result of one call. A call without a result was interrupted; OpenAI refuses a history in which one
 * is missing.
 *
 * @param id the id of the call as it is sent
 */
export function writeToolResult(
  id: string,
  result: ToolResultPart | undefined,
  options: ContentOptions,
): WrittenResult {
  if (result === undefined) return { id, content: '[no result: interrupted]', media: [] };
  const media: ChatPart[] = [];
  const lines: string[] = [];
  const take = (part: ChatPart): void => {
    if (part.type === 'text') lines.push(part.text);
    else {
      media.push(part);
      const kind = part.type === 'file' ? 'file' : 'image';
      lines.push(`[${kind} ${media.length} of tool call ${id} is in the next user message]`);
    }
  };
  for (const one of result.content) for (const part of toChatParts(one, options)) take(part);
  return { id, content: toResultText(lines, result.isError), media };
}

/** The message that carries what tool messages cannot, after the last of them; `null` where there is nothing. */
export function gatherMedia(results: readonly WrittenResult[]): readonly ChatPart[] {
  const carriers = results.filter((result) => result.media.length > 0);
  if (carriers.length === 0) return [];
  const media = carriers.flatMap((result) => result.media);
  const kind = media.every((part) => part.type === 'image_url') ? 'Images' : 'Files';
  const ids = carriers.map((result) => result.id).join(', ');
  return [{ type: 'text', text: `${kind} returned by tool calls: ${ids}` }, ...media];
}

/** A result that answers no call of the turn before it, as user text. */
export function writeOrphanResult(result: ToolResultPart, options: ContentOptions): readonly ChatPart[] {
  const parts = result.content.flatMap((one) => toChatParts(one, options));
  const lines = parts.flatMap((part) => (part.type === 'text' ? part.text : []));
  const text = `[result of earlier tool call ${result.id}] ${toResultText(lines, result.isError)}`;
  return [{ type: 'text', text }, ...parts.filter((part) => part.type !== 'text')];
}

/** Chat Completions has no error flag, and some templates and services refuse empty results. */
function toResultText(lines: readonly string[], isError: boolean): string {
  const text = lines.filter(hasInk).join('\n') || '(no output)';
  return isError && !ALREADY_SAYS_ERROR.test(text) ? `Error: ${text}` : text;
}
