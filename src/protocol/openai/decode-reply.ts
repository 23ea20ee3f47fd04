/**
 * Chat Completions replies, streamed or whole, as reply events. Reads what real backends send rather than what the
 * format says (translation.md §5.2 to §5.8), and never makes a success of an answer that just stopped (P7).
 */
import { asList, asObject, isObject, type JsonObject, parseJson } from '../json.ts';
import type { ReplyDecoder, ReplyError, ReplyEvent } from '../reply-events.ts';
import { TRUNCATED } from '../truncated.ts';
import { readEmbeddedError } from '../upstream-error.ts';
import { type Answer, createAnswer } from './answer.ts';
import type { ThinkTagOptions } from './think-tags.ts';

export interface OpenAIDecoderOptions {
  /** Reasoning stands in `<think>` tags within the text. Default: it does not, and tags are text. */
  readonly thinkTags?: ThinkTagOptions | undefined;
  /** Names of the tools sent, for backends that send names in pieces. */
  readonly toolNames?: ReadonlySet<string> | undefined;
  /** Every chunk repeats a tool call's arguments from their beginning (S-36). */
  readonly cumulativeArguments?: boolean | undefined;
}

/** Events in a row that are no JSON, after which the stream is given up (T-05). */
const MOST_UNREADABLE = 3;

const UNREADABLE: ReplyError = {
  code: 'backend_failed',
  message: 'The backend sent an answer that is not a chat completion.',
};

/** Makes the decoder of one stream. A finish is told at `[DONE]` or at the end of the bytes (S-53, T-03). */
export function createOpenAIDecoder(options: OpenAIDecoderOptions = {}): ReplyDecoder {
  const answer = createAnswer(options);
  let ended = false;
  let unreadable = 0;

  const finish = (events: readonly ReplyEvent[]): readonly ReplyEvent[] => {
    ended = true;
    return events;
  };

  const readData = (event: string, data: string): readonly ReplyEvent[] => {
    const chunk = parseJson(data);
    const error = readStreamError(event, chunk);
    if (error !== null) return finish([{ type: 'error', error }]);
    if (!isObject(chunk)) {
      unreadable++;
      return unreadable < MOST_UNREADABLE ? [] : finish([{ type: 'error', error: UNREADABLE }]);
    }
    unreadable = 0;
    const events = answer.push(chunk);
    return answer.hasFailed() ? finish(events) : events;
  };

  return {
    push({ event, data }) {
      const text = data.trim();
      if (ended) return [];
      if (text === '[DONE]' || event === 'done') return finish(close(answer));
      return text === '' ? [] : readData(event, text);
    },
    end: () => (ended ? [] : finish(close(answer))),
  };
}

/**
 * Reads a whole reply, also where a stream was asked for and not given (S-72).
 *
 * @param body the parsed JSON; anything else becomes an error event
 */
export function decodeOpenAIReply(body: unknown, options: OpenAIDecoderOptions = {}): readonly ReplyEvent[] {
  const error = readStreamError('', body);
  if (error !== null) return [{ type: 'error', error }];
  const choice = asObject(asList(asObject(body).choices)[0]);
  if (!isObject(choice.message)) return [{ type: 'error', error: UNREADABLE }];
  const answer = createAnswer(options);
  const delta = { ...choice.message, tool_calls: numbered(choice.message.tool_calls) };
  const events = answer.push({ ...asObject(body), choices: [{ ...choice, index: 0, delta }] });
  return answer.hasFailed() ? events : [...events, ...close(answer)];
}

function close(answer: Answer): readonly ReplyEvent[] {
  return answer.end() ?? [{ type: 'error', error: TRUNCATED }];
}

/** An error in any of its shapes: marked as one, named so by the event, or a bare message where choices belong. */
function readStreamError(event: string, value: unknown): ReplyError | null {
  const error = readEmbeddedError(value);
  if (error !== null || !isObject(value)) return error;
  const isBare = value.choices === undefined && (typeof value.message === 'string' || 'detail' in value);
  return event === 'error' || isBare ? readEmbeddedError({ error: value }) : null;
}

/** In a whole message every entry is a call of its own, whatever its index says. */
function numbered(calls: unknown): readonly JsonObject[] {
  return asList(calls).map((call, index) => ({ ...asObject(call), index }));
}
