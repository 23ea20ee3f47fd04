/**
 * The items of a Responses answer: turns reply events into items of which only one is open at a time. Whatever comes
 * in, what goes out is legal; streams and whole replies share it, so they cannot differ.
 */
import type { Tool } from '../conversation.ts';
import { hasInk } from '../ink.ts';
import type { JsonObject } from '../json.ts';
import type { ReplyContext, ReplyEvent, SealedPart } from '../reply-events.ts';
import { createCallSerializer } from '../serialize-calls.ts';
import { createToolIdReader } from '../tool-call-ids.ts';
import { type ItemKind, type ItemStep, KINDS } from './items.ts';

export interface ItemWriter {
  /** Events other than text, reasoning and tool calls yield nothing. */
  push(event: ReplyEvent): readonly ItemStep[];
  /**
   * Writes all that was held back and closes the last item.
   *
   * @param isCut the answer hit its length limit
   */
  end(isCut: boolean): readonly ItemStep[];
}

export function createItemWriter(context: ReplyContext): ItemWriter {
  const serializer = createCallSerializer();
  const readId = createToolIdReader(context);
  const slot = createSlot(context);
  /** White space at the beginning of a message that may never come. */
  let leading = '';

  const open = (kind: ItemKind, fields: JsonObject): readonly ItemStep[] => {
    leading = '';
    return slot.open(kind, fields);
  };

  const writeText = (piece: string): readonly ItemStep[] => {
    if (slot.kind() === 'message') return slot.add(piece);
    const text = leading + piece;
    if (hasInk(text)) return [...open('message', { role: 'assistant' }), ...slot.add(text)];
    leading = text;
    return [];
  };

  const think = (take: () => readonly ItemStep[]): readonly ItemStep[] =>
    slot.kind() === 'reasoning' ? take() : [...open('reasoning', {}), ...take()];

  const writeReasoning = (piece: string): readonly ItemStep[] => {
    const isHidden = !context.showReasoning && context.sealReasoning === undefined;
    return piece === '' || isHidden ? [] : think(() => slot.reason(piece));
  };

  const sealPart = (part: (text: string) => SealedPart): readonly ItemStep[] =>
    context.sealReasoning === undefined ? [] : think(() => slot.sign(part));

  const startCall = (givenId: string, sentName: string): readonly ItemStep[] => {
    const name = context.toolNames.get(sentName) ?? sentName;
    const tool = context.tools?.get(name);
    const call_id = readId(givenId);
    if (tool?.search === true) return open('tool_search_call', { call_id, execution: 'client' });
    const kind = tool?.custom === true ? 'custom_tool_call' : 'function_call';
    return open(kind, { call_id, ...nameOf(tool, name) });
  };

  const write = (event: ReplyEvent): readonly ItemStep[] => {
    switch (event.type) {
      case 'text':
        return writeText(event.text);
      case 'reasoning':
        return writeReasoning(event.text);
      case 'reasoning-signature':
        return sealPart((text) => ({ type: 'reasoning', text, signature: event.signature }));
      case 'redacted-reasoning':
        return sealPart(() => ({ type: 'redacted-reasoning', data: event.data }));
      case 'tool-start':
        return startCall(event.id, event.name);
      case 'tool-arguments':
        return slot.add(event.json);
      default:
        return [];
    }
  };

  return {
    push: (event) => serializer.push(event).flatMap(write),
    end: (isCut) => [...serializer.end().flatMap(write), ...slot.close(isCut)],
  };
}

/** Codex knows a tool in a namespace by both names only (codex.md §4). */
const nameOf = (tool: Tool | undefined, name: string): JsonObject => tool?.namespaced ?? { name };

interface Current {
  readonly kind: ItemKind;
  /** The item's fixed fields. */
  readonly head: JsonObject;
  text: string;
}

/** The one item that is open. */
function createSlot({ messageId, showReasoning, sealReasoning }: ReplyContext) {
  const root = messageId.replace(/^resp_/, '');
  let count = 0;
  let current: Current | null = null;
  /** Reasoning to be sealed, and what of it came since the last signature. */
  let sealed: SealedPart[] = [];
  let unsigned = '';

  const open = (kind: ItemKind, fields: JsonObject): readonly ItemStep[] => {
    const closing = close(false);
    const { prefix, isHeld, announce } = KINDS[kind];
    const head = { id: `${prefix}${root}_${count}`, type: kind, ...fields };
    count++;
    current = { kind, head, text: '' };
    return isHeld ? closing : [...closing, { step: 'open', kind, item: announce(head) }];
  };

  const add = (text: string): readonly ItemStep[] => {
    if (current === null || text === '') return [];
    current.text += text;
    return KINDS[current.kind].isHeld ? [] : [{ step: 'delta', text }];
  };

  const takeSealed = (): string | null => {
    const rest: readonly SealedPart[] =
      unsigned === '' ? [] : [{ type: 'reasoning', text: unsigned, signature: '' }];
    const parts = [...sealed, ...rest];
    sealed = [];
    unsigned = '';
    return parts.length === 0 || sealReasoning === undefined ? null : sealReasoning(parts);
  };

  const close = (isCut: boolean): readonly ItemStep[] => {
    if (current === null) return [];
    const { kind, head, text } = current;
    current = null;
    const { isHeld, announce, finish } = KINDS[kind];
    const finished = finish(head, { text, isCut, sealed: kind === 'reasoning' ? takeSealed() : null });
    if (finished === null) return [];
    const opening: readonly ItemStep[] = isHeld ? [{ step: 'open', kind, item: announce(head) }] : [];
    const told = isHeld ? '' : text;
    const missing = finished.text.slice(told.length);
    const filling: readonly ItemStep[] = missing === '' ? [] : [{ step: 'delta', text: missing }];
    return [...opening, ...filling, { step: 'close', ...finished }];
  };

  return {
    kind: () => current?.kind ?? null,
    open,
    add,
    close,
    /** Says a piece of reasoning in the reasoning item that is open. */
    reason(piece: string): readonly ItemStep[] {
      const gap = unsigned === '' && current !== null && current.text !== '' ? '\n\n' : '';
      unsigned += piece;
      return showReasoning ? add(gap + piece) : [];
    },
    /** Seals what was reasoned since the last signature. */
    sign(part: (text: string) => SealedPart): readonly ItemStep[] {
      sealed.push(part(unsigned));
      unsigned = '';
      return [];
    },
  };
}
