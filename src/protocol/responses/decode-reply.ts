/**
 * A backend's Responses answer as reply events, read from its finished items. Streams in this format are passed on
 * as they are; this is for those that came whole where a stream was asked for, and the other way round.
 */
import type { Usage } from '../../types.ts';
import { writeCustomInput } from '../custom-tool.ts';
import { asList, asObject, asText, isObject, type JsonObject, parseJson } from '../json.ts';
import type { FinishReason, ReplyDecoder, ReplyError, ReplyEvent } from '../reply-events.ts';
import { TRUNCATED } from '../truncated.ts';
import { readEmbeddedError } from '../upstream-error.ts';
import { readResponsesUsage } from './usage.ts';

const UNREADABLE: ReplyError = {
  code: 'backend_failed',
  message: 'The backend sent an answer that is no response.',
};

const ENDINGS: ReadonlySet<string> = new Set(['response.completed', 'response.incomplete']);

/** Makes the decoder of one stream; everything is told at its end. */
export function createResponsesDecoder(): ReplyDecoder {
  const items: unknown[] = [];
  let ended = false;

  const finish = (events: readonly ReplyEvent[]): readonly ReplyEvent[] => {
    if (ended) return [];
    ended = true;
    return events;
  };

  return {
    push({ event, data }) {
      const value = asObject(parseJson(data));
      const type = asText(value.type) || event;
      if (type === 'response.output_item.done') items.push(value.item);
      if (!ended && ENDINGS.has(type)) return finish(readWhole(asObject(value.response), items));
      const error = readEmbeddedError(value);
      return error === null ? [] : finish([{ type: 'error', error }]);
    },
    end: () => finish([{ type: 'error', error: TRUNCATED }]),
  };
}

/** Decodes a whole reply. What is neither a response nor an error is a failure of the backend. */
export function decodeResponsesReply(body: unknown): readonly ReplyEvent[] {
  const error = readEmbeddedError(body);
  if (error !== null) return [{ type: 'error', error }];
  if (!isObject(body) || !Array.isArray(body.output)) return [{ type: 'error', error: UNREADABLE }];
  return readWhole(body, []);
}

/** Some servers leave the output of the last event empty, and have told every item before (codex.md §4). */
function readWhole(response: JsonObject, told: readonly unknown[]): readonly ReplyEvent[] {
  const output = asList(response.output);
  const items = (output.length > 0 ? output : told).map(asObject);
  const usage: Usage | null = readResponsesUsage(response.usage);
  return [
    { type: 'start', usage: null },
    ...items.flatMap(readItem),
    ...(usage === null ? [] : [{ type: 'usage', usage } as const]),
    { type: 'finish', reason: reasonOf(response, items), stopSequence: null },
  ];
}

function readItem(item: JsonObject, index: number): readonly ReplyEvent[] {
  const key = String(index);
  switch (item.type) {
    case 'message':
      return asList(item.content).map(asObject).flatMap(readText);
    case 'reasoning':
      return [...asList(item.summary), ...asList(item.content)].map(asObject).flatMap(readReasoning);
    case 'function_call':
      return readCall(key, item, asText(item.arguments));
    case 'custom_tool_call':
      return readCall(key, item, writeCustomInput(asText(item.input)));
    default:
      return [];
  }
}

function readText(part: JsonObject): readonly ReplyEvent[] {
  const text = asText(part.text) || asText(part.refusal);
  return text === '' ? [] : [{ type: 'text', text }];
}

function readReasoning(part: JsonObject): readonly ReplyEvent[] {
  const text = asText(part.text);
  return text === '' ? [] : [{ type: 'reasoning', text }];
}

/** A call of nothing is none. */
function readCall(key: string, item: JsonObject, json: string): readonly ReplyEvent[] {
  const name = asText(item.name);
  if (name === '') return [];
  return [
    { type: 'tool-start', key, id: asText(item.call_id), name },
    ...(json === '' ? [] : [{ type: 'tool-arguments', key, json } as const]),
    { type: 'tool-end', key },
  ];
}

function reasonOf(response: JsonObject, items: readonly JsonObject[]): FinishReason {
  if (response.status === 'incomplete') {
    return asObject(response.incomplete_details).reason === 'content_filter' ? 'refusal' : 'length';
  }
  if (items.some((item) => item.type === 'function_call' || item.type === 'custom_tool_call'))
    return 'tool-calls';
  const parts = items.flatMap((item) => asList(item.content).map(asObject));
  return parts.some((part) => part.type === 'refusal') ? 'refusal' : 'stop';
}
