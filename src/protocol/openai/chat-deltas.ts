/**
 * The order in which a Chat Completions answer may be said (translation.md §9.1), apart from how it is put into
 * bytes. The stream writes these deltas out one by one, the whole reply adds them up, so the two cannot differ.
 */
import type { Usage } from '../../types.ts';
import { readCustomInput } from '../custom-tool.ts';
import type { FinishReason, ReplyContext, ReplyError, ReplyEvent } from '../reply-events.ts';
import { createToolIdReader } from '../tool-call-ids.ts';

export type ChatFinish = 'stop' | 'length' | 'tool_calls' | 'content_filter';

/** A piece of a call; the first of each carries `id`, `type` and the name. */
export type CallDelta =
  | {
      readonly index: number;
      readonly id?: string;
      readonly type?: 'function';
      readonly function: { readonly name?: string; readonly arguments: string };
    }
  | {
      readonly index: number;
      readonly id?: string;
      readonly type?: 'custom';
      readonly custom: { readonly name?: string; readonly input: string };
    };

export interface ChatDelta {
  readonly role?: 'assistant';
  readonly content?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly [CallDelta];
}

export type ChatStep =
  | { readonly kind: 'delta'; readonly delta: ChatDelta }
  | { readonly kind: 'finish'; readonly reason: ChatFinish; readonly usage: Usage | null }
  | { readonly kind: 'error'; readonly error: ReplyError };

const FINISHES: Readonly<Record<FinishReason, ChatFinish>> = {
  stop: 'stop',
  'stop-sequence': 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  refusal: 'content_filter',
  pause: 'stop',
};

interface Call {
  readonly index: number;
  readonly custom: boolean;
  /** Arguments held back, for free-text tools only: their text is known when the JSON around it is whole. */
  held: string;
  hasArguments: boolean;
}

/** Makes the steps of one answer. After its ending every event yields nothing. */
export function createChatDeltas(context: ReplyContext): (event: ReplyEvent) => readonly ChatStep[] {
  const calls = new Map<string, Call>();
  const openCalls = new Set<string>();
  const readId = createToolIdReader(context);
  let state: 'silent' | 'open' | 'ended' = 'silent';
  let usage: Usage | null = null;
  let hasText = false;
  let interrupted = false;

  const say = (delta: ChatDelta): readonly ChatStep[] => [...begin(), { kind: 'delta', delta }];

  const begin = (): readonly ChatStep[] => {
    if (state !== 'silent') return [];
    state = 'open';
    return [{ kind: 'delta', delta: { role: 'assistant', content: '' } }];
  };

  const text = (piece: string): readonly ChatStep[] => {
    if (piece === '') return [];
    // Texts on both sides of a call or of reasoning share one field.
    const content = hasText && interrupted ? `\n\n${piece}` : piece;
    hasText = true;
    interrupted = false;
    return say({ content });
  };

  const reasoning = (piece: string): readonly ChatStep[] => {
    interrupted = true;
    return piece === '' || !context.showReasoning ? [] : say({ reasoning_content: piece });
  };

  const startCall = (key: string, givenId: string, sentName: string): readonly ChatStep[] => {
    if (calls.has(key)) return [];
    interrupted = true;
    const name = context.toolNames.get(sentName) ?? sentName;
    const custom = context.customTools?.has(name) === true;
    // Counted, never taken from the backend: openai-node throws on a first index of 1.
    const index = calls.size;
    calls.set(key, { index, custom, held: '', hasArguments: false });
    openCalls.add(key);
    const id = readId(givenId);
    const call: CallDelta = custom
      ? { index, id, type: 'custom', custom: { name, input: '' } }
      : { index, id, type: 'function', function: { name, arguments: '' } };
    return say({ tool_calls: [call] });
  };

  const addArguments = (key: string, json: string): readonly ChatStep[] => {
    const call = calls.get(key);
    if (call === undefined || json === '' || !openCalls.has(key)) return [];
    call.hasArguments = true;
    if (!call.custom) return say({ tool_calls: [{ index: call.index, function: { arguments: json } }] });
    call.held += json;
    return [];
  };

  const endCall = (key: string): readonly ChatStep[] => {
    const call = calls.get(key);
    if (call === undefined || !openCalls.delete(key)) return [];
    const { index } = call;
    if (call.custom) return say({ tool_calls: [{ index, custom: { input: readCustomInput(call.held) } }] });
    return call.hasArguments ? [] : say({ tool_calls: [{ index, function: { arguments: '{}' } }] });
  };

  const finish = (reason: FinishReason): readonly ChatStep[] => {
    const ends = [...begin(), ...[...openCalls].flatMap(endCall)];
    state = 'ended';
    return [...ends, { kind: 'finish', reason: toFinish(reason, calls.size > 0), usage }];
  };

  return (event) => {
    if (state === 'ended') return [];
    switch (event.type) {
      case 'start':
        usage = event.usage ?? usage;
        return begin();
      case 'text':
        return text(event.text);
      case 'reasoning':
        return reasoning(event.text);
      case 'reasoning-signature':
      case 'redacted-reasoning':
        return [];
      case 'tool-start':
        return startCall(event.key, event.id, event.name);
      case 'tool-arguments':
        return addArguments(event.key, event.json);
      case 'tool-end':
        return endCall(event.key);
      case 'usage':
        usage = event.usage;
        return [];
      case 'finish':
        return finish(event.reason);
      case 'error':
        state = 'ended';
        return [{ kind: 'error', error: event.error }];
    }
  };
}

/** Clients go by this word alone, so it must agree with the calls they were given (P9). */
function toFinish(reason: FinishReason, hasCalls: boolean): ChatFinish {
  const finish = FINISHES[reason];
  if (finish === 'stop' && hasCalls) return 'tool_calls';
  return finish === 'tool_calls' && !hasCalls ? 'stop' : finish;
}
