/** Items of a Responses answer, as they are announced and as they are finished. */
import { readCustomInput } from '../custom-tool.ts';
import { asObject, type JsonObject, parseArguments } from '../json.ts';

export type ItemKind = 'message' | 'reasoning' | 'function_call' | 'custom_tool_call' | 'tool_search_call';

/** Deltas and closes belong to the item opened last. */
export type ItemStep =
  /** `item` as it is announced. */
  | { readonly step: 'open'; readonly kind: ItemKind; readonly item: JsonObject }
  | { readonly step: 'delta'; readonly text: string }
  /** `item` as it is finished, and the whole of its deltas. */
  | { readonly step: 'close'; readonly item: JsonObject; readonly text: string };

export interface Finish {
  /** What was said of it. */
  readonly text: string;
  /** The answer hit its length limit within this item. */
  readonly isCut: boolean;
  /** Reasoning for the client to carry back; `null` where there is none. */
  readonly sealed: string | null;
}

interface Kind {
  /** What its id begins with. */
  readonly prefix: string;
  /**
   * Told only when it is finished. Free text is known when the JSON around it is whole, and half of a patch must not
   * be run.
   */
  readonly isHeld: boolean;
  /** The item without content. */
  readonly announce: (head: JsonObject) => JsonObject;
  /** The finished item and what its deltas add up to; `null`: it is better not told at all. */
  readonly finish: (
    head: JsonObject,
    finish: Finish,
  ) => { readonly item: JsonObject; readonly text: string } | null;
}

const IN_PROGRESS = { status: 'in_progress' };
const COMPLETED = { status: 'completed' };

export const KINDS: Readonly<Record<ItemKind, Kind>> = {
  message: {
    prefix: 'msg_',
    isHeld: false,
    announce: (head) => ({ ...head, ...IN_PROGRESS, content: [] }),
    finish: (head, { text, isCut }) => ({
      item: { ...head, ...statusOf(isCut), content: [textPart(text)] },
      text,
    }),
  },
  reasoning: {
    prefix: 'rs_',
    isHeld: false,
    announce: (head) => ({ ...head, summary: [] }),
    finish: (head, { text, sealed }) => ({
      item: {
        ...head,
        summary: text === '' ? [] : [summaryPart(text)],
        ...(sealed !== null && { encrypted_content: sealed }),
      },
      text,
    }),
  },
  function_call: {
    prefix: 'fc_',
    isHeld: false,
    announce: (head) => ({ ...head, ...IN_PROGRESS, arguments: '' }),
    // A call without arguments is one with none (S-37).
    finish: (head, { text, isCut }) => {
      const json = text === '' ? '{}' : text;
      return { item: { ...head, ...statusOf(isCut), arguments: json }, text: json };
    },
  },
  custom_tool_call: {
    prefix: 'ctc_',
    isHeld: true,
    announce: (head) => ({ ...head, ...IN_PROGRESS, input: '' }),
    finish: (head, { text: json, isCut }) => {
      if (isCut && parseArguments(json) === undefined) return null;
      const text = readCustomInput(json);
      return { item: { ...head, ...COMPLETED, input: text }, text };
    },
  },
  tool_search_call: {
    prefix: 'tsc_',
    isHeld: true,
    announce: (head) => ({ ...head, ...IN_PROGRESS, arguments: {} }),
    // An object, not its JSON text (codex.md §4).
    finish: (head, { text: json, isCut }) => {
      const value = parseArguments(json);
      return isCut && value === undefined
        ? null
        : { item: { ...head, ...COMPLETED, arguments: asObject(value) }, text: '' };
    },
  },
};

const statusOf = (isCut: boolean) => (isCut ? { status: 'incomplete' } : COMPLETED);

/** The part of a message. */
export const textPart = (text: string): JsonObject => ({
  type: 'output_text',
  text,
  annotations: [],
  logprobs: [],
});

/** The part of a reasoning item. */
export const summaryPart = (text: string): JsonObject => ({ type: 'summary_text', text });
