/** How a client of each dialect reads a stream: one independent, strict reader each. */
import type { Dialect } from '../../src/types.ts';
import { type ReadStream, readAnthropicStream, readWholeStream } from '../support/anthropic-grammar.ts';
import { type ChatStream, readChatStream, readWholeChatStream } from '../support/openai-grammar.ts';
import { type ResponsesStream, readResponses, readWholeResponses } from '../support/responses-grammar.ts';

export type ClientStream = ReadStream | ChatStream | ResponsesStream;

interface Grammar {
  /** Checks a stream or the beginning of one. */
  readonly readPart: (text: string) => ClientStream;
  /** Checks a stream that has ended. */
  readonly readWhole: (text: string) => ClientStream;
}

export const GRAMMARS: Readonly<Record<Dialect, Grammar>> = {
  anthropic: { readPart: readAnthropicStream, readWhole: readWholeStream },
  openai: { readPart: readChatStream, readWhole: readWholeChatStream },
  responses: { readPart: readResponses, readWhole: readWholeResponses },
};

export const hasFailed = ({ ending }: ClientStream): boolean => ending === 'error' || ending === 'failed';
