/** The messages of a Chat Completions request. */
import { GatewayError } from '../../errors.ts';
import { append } from '../append.ts';
import type { AssistantPart, Conversation, UserPart } from '../conversation.ts';
import { type Exchange, type Reply, toExchanges } from '../exchanges.ts';
import { hasInk } from '../ink.ts';
import type { JsonObject } from '../json.ts';
import { mapSome } from '../map-some.ts';
import type { BackendProfile } from '../profile.ts';
import { invalid } from '../read-fields.ts';
import type { ToolNames } from '../tool-names.ts';
import type { WriteToolId } from './tool-ids.ts';
import { type ChatPart, toChatParts, toContent } from './write-content.ts';
import { gatherMedia, writeOrphanResult, writeToolResult } from './write-tool-results.ts';

export interface MessageOptions {
  readonly profile: BackendProfile;
  readonly names: ToolNames;
  readonly writeId: WriteToolId;
  readonly dropped: Set<string>;
}

export interface WrittenMessages {
  readonly messages: readonly JsonObject[];
  /** The conversation ends with the beginning of the answer, which the model is to go on with. */
  readonly prefilled: boolean;
}

/**
 * Writes the system prompt and all turns. Each exchange is written from itself alone, so that a longer
 * conversation begins with the very messages of a shorter one and prefix caches hold; only reasoning leaves when
 * a new user turn begins.
 *
 * @throws GatewayError `invalid_request` when no user message is left, or when it ends with an assistant message
 *   that the backend cannot continue
 */
export function writeMessages(conversation: Conversation, options: MessageOptions): WrittenMessages {
  const exchanges = toExchanges(conversation.turns, options.dropped);
  const prefilled = endsWithBeginning(exchanges);
  if (prefilled && !options.profile.continuesPrefill) {
    // Claude's own wording, which clients know.
    throw new GatewayError(
      'invalid_request',
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    );
  }
  const loopStart = exchanges.findLastIndex((one) => one.fromUser);
  const messages = exchanges.flatMap((exchange, i) => {
    const place = { inLoop: i > loopStart, prefilled: prefilled && i === exchanges.length - 1 };
    return writeExchange(exchange, place, options);
  });
  if (!messages.some((message) => message.role === 'user' || message.role === 'tool')) {
    throw new GatewayError('invalid_request', 'messages: at least one user message with content is required');
  }
  const opening = options.profile.firstMustBeUser && messages[0]?.role !== 'user' ? [OPENING] : [];
  const system = writeSystem(conversation.system, options.profile);
  return { messages: [...system, ...opening, ...messages], prefilled };
}

/** Always the same, so that prefix caches hold. */
const OPENING: JsonObject = { role: 'user', content: '(start)' };

interface Place {
  /** In the tool loop that the model is in now. */
  readonly inLoop: boolean;
  readonly prefilled: boolean;
}

function endsWithBeginning(exchanges: readonly Exchange[]): boolean {
  const last = exchanges.at(-1);
  return last !== undefined && last.replies.length === 0 && last.calls.length === 0;
}

/** One message, never several and never a list of parts: templates take no other form. */
function writeSystem(texts: readonly string[], profile: BackendProfile): readonly JsonObject[] {
  const content = texts.filter(hasInk).join('\n\n');
  return content === '' ? [] : [{ role: profile.systemRole, content }];
}

function writeExchange(exchange: Exchange, place: Place, options: MessageOptions): readonly JsonObject[] {
  const calls = exchange.calls.map((call) => {
    const name = options.names.toSent(call.name);
    return { given: call.id, id: options.writeId(call.id, name), name, arguments: call.arguments };
  });
  const results = calls.map(({ given, id }) => writeToolResult(id, exchange.results.get(given), options));
  return [
    ...writeAssistant(exchange, calls, place, options),
    ...results.map(({ id, content }) => ({ role: 'tool', tool_call_id: id, content })),
    ...writeReplies(gatherMedia(results), exchange.replies, options),
  ];
}

interface WrittenCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

function writeAssistant(
  { assistant }: Exchange,
  calls: readonly WrittenCall[],
  place: Place,
  { profile, dropped }: MessageOptions,
): readonly JsonObject[] {
  if (assistant.length === 0) return [];
  const texts = mapSome(assistant, (part) => (part.type === 'text' && hasInk(part.text) ? part.text : null));
  const text = texts.join('\n\n');
  const content = place.prefilled ? text.trimEnd() : text;
  return [
    {
      role: 'assistant',
      content: content === '' ? profile.emptyAssistantContent : content,
      ...writeReasoning(assistant, { ...place, calls: calls.length > 0 }, profile, dropped),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map(toToolCall) }),
    },
  ];
}

function toToolCall(call: WrittenCall): JsonObject {
  return { id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } };
}

/** Earlier reasoning where the backend takes it back; what only Claude can read never goes. */
function writeReasoning(
  parts: readonly AssistantPart[],
  place: { readonly inLoop: boolean; readonly calls: boolean },
  profile: BackendProfile,
  dropped: Set<string>,
): JsonObject {
  if (parts.some((part) => part.type === 'redacted-reasoning')) dropped.add('content.redacted_thinking');
  const text = mapSome(parts, (part) =>
    part.type === 'reasoning' && hasInk(part.text) ? part.text : null,
  ).join('\n\n');
  if (profile.reasoningField === null) {
    if (text !== '') dropped.add('content.thinking');
    return {};
  }
  // DeepSeek refuses tool turns without the field, even where it has nothing to say.
  if (profile.reasoningReplay === 'tool-turns') return place.calls ? { [profile.reasoningField]: text } : {};
  return place.inLoop && text !== '' ? { [profile.reasoningField]: text } : {};
}

interface Segment {
  readonly role: string;
  readonly parts: ChatPart[];
  /** Not a message of the client's: joins with the user message beside it on any backend. */
  ours: boolean;
}

/** What follows the tool messages: media of the results first, then every turn in its place. */
function writeReplies(
  media: readonly ChatPart[],
  replies: readonly Reply[],
  options: MessageOptions,
): readonly JsonObject[] {
  const segments: Segment[] = [];
  const add = (next: Segment): void => {
    const last = segments.at(-1);
    if (next.parts.length === 0) return;
    const joins = last?.role === 'user' && next.role === 'user';
    if (!joins || !(options.profile.mergeSameRole || last.ours || next.ours)) segments.push(next);
    else {
      append(last.parts, next.parts);
      last.ours &&= next.ours;
    }
  };

  add({ role: 'user', parts: [...media], ours: true });
  // Most replies are tool results and nothing else, and those are written by now.
  for (const reply of replies) if (!isEmpty(reply)) add(toSegment(reply, options));
  return segments.map(({ role, parts }) => ({ role, content: toContent(parts) }));
}

const isEmpty = (reply: Reply) => reply.role === 'user' && reply.parts.length === 0;

function toSegment(reply: Reply, options: MessageOptions): Segment {
  if (reply.role === 'user') {
    return { role: 'user', parts: reply.parts.flatMap((part) => toUserParts(part, options)), ours: false };
  }
  const { midSystem } = options.profile;
  // Claude Code knows these words and asks again without such messages.
  if (midSystem === 'refuse') throw invalid('messages', "role 'system' is not supported on this model");
  if (midSystem === 'system') {
    return { role: options.profile.systemRole, parts: [{ type: 'text', text: reply.text }], ours: false };
  }
  // Templates such as Qwen3.5's raise on a system message that is not the first (A-12).
  const text = `<system-reminder>\n${reply.text}\n</system-reminder>`;
  return { role: 'user', parts: [{ type: 'text', text }], ours: true };
}

function toUserParts(part: UserPart, options: MessageOptions): readonly ChatPart[] {
  return part.type === 'tool-result' ? writeOrphanResult(part, options) : toChatParts(part, options);
}
