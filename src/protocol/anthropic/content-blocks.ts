/**
 * Content blocks of an Anthropic answer: turns reply events into blocks of which only one is open at a time
 * (translation.md §5.1). Whatever comes in, what goes out is legal; streams and whole replies share it, so they
 * cannot differ.
 */
import { hasInk } from '../ink.ts';
import type { ReplyContext, ReplyEvent } from '../reply-events.ts';
import { createCallSerializer } from '../serialize-calls.ts';
import { createToolIdReader } from '../tool-call-ids.ts';
import { beginsObject, toObjectText } from './tool-input.ts';

export type BlockStart =
  | { readonly type: 'text' }
  | { readonly type: 'thinking' }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string };

/** Deltas and closes belong to the block opened last. */
export type BlockStep =
  | { readonly step: 'open'; readonly block: BlockStart }
  | { readonly step: 'delta'; readonly text: string }
  | { readonly step: 'close' };

export interface BlockWriter {
  /** Events other than text, reasoning and tool calls yield nothing. */
  push(event: ReplyEvent): readonly BlockStep[];
  /** Writes all that was held back and closes the last block. */
  end(): readonly BlockStep[];
}

type Prose = 'text' | 'thinking';

type Current =
  | { readonly kind: 'none' }
  | { readonly kind: Prose }
  /** `held`: arguments that are no object, or not yet seen to be one; `null` when what comes is passed on. */
  | { readonly kind: 'tool'; readonly held: string | null };

const NONE: Current = { kind: 'none' };
const NO_SPACE = { kind: 'text', text: '' } as const;

export function createBlockWriter(context: ReplyContext): BlockWriter {
  const serializer = createCallSerializer();
  const readId = createToolIdReader(context);
  let current: Current = NONE;
  /** White space at the beginning of a block that may never come: Claude refuses blank texts (S-04). */
  let leading: { readonly kind: Prose; readonly text: string } = NO_SPACE;

  const close = (): readonly BlockStep[] => {
    const was = current;
    current = NONE;
    if (was.kind === 'none') return [];
    const rest = was.kind === 'tool' && was.held !== null ? toObjectText(was.held) : null;
    const filling: readonly BlockStep[] = rest === null ? [] : [{ step: 'delta', text: rest }];
    return [...filling, { step: 'close' }];
  };

  const open = (next: Current, block: BlockStart): readonly BlockStep[] => {
    const closing = close();
    current = next;
    leading = NO_SPACE;
    return [...closing, { step: 'open', block }];
  };

  const writeProse = (kind: Prose, piece: string): readonly BlockStep[] => {
    if (piece === '') return [];
    if (current.kind === kind) return [{ step: 'delta', text: piece }];
    const text = leading.kind === kind ? leading.text + piece : piece;
    if (hasInk(text)) return [...open({ kind }, { type: kind }), { step: 'delta', text }];
    leading = { kind, text };
    return [];
  };

  const writeArguments = (held: string | null, piece: string): readonly BlockStep[] => {
    const text = (held ?? '') + piece;
    const passes = held === null || beginsObject(text);
    current = { kind: 'tool', held: passes ? null : text };
    return passes ? [{ step: 'delta', text }] : [];
  };

  const write = (event: ReplyEvent): readonly BlockStep[] => {
    if (event.type === 'text') return writeProse('text', event.text);
    if (event.type === 'reasoning') return context.showReasoning ? writeProse('thinking', event.text) : [];
    if (event.type === 'tool-start') {
      const name = context.toolNames.get(event.name) ?? event.name;
      const block: BlockStart = { type: 'tool_use', id: readId(event.id), name };
      return open({ kind: 'tool', held: '' }, block);
    }
    if (event.type !== 'tool-arguments' || current.kind !== 'tool') return [];
    return writeArguments(current.held, event.json);
  };

  return {
    push: (event) => serializer.push(event).flatMap(write),
    end: () => [...serializer.end().flatMap(write), ...close()],
  };
}
