/**
 * A Chat Completions request, read for a backend that speaks another dialect.
 *
 * Strict about what would change the meaning (roles, parts, `n`, audio), open to everything else: what no other
 * dialect knows is left out and named in `dropped` (P2, P11).
 */
import { GatewayError } from '../../errors.ts';
import type { Conversation, Effort, OutputFormat, ReasoningRequest } from '../conversation.ts';
import { hasInk } from '../ink.ts';
import { asList, asObject, asText, isObject, type JsonObject } from '../json.ts';
import { invalid, type Notes, noteOf, optional } from '../read-fields.ts';
import { readMessages } from './read-messages.ts';
import { readToolSet } from './read-tools.ts';

const UNDERSTOOD = new Set([
  'model',
  'messages',
  'max_completion_tokens',
  'max_tokens',
  'temperature',
  'top_p',
  'top_k',
  'stop',
  'n',
  'stream',
  'stream_options',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'functions',
  'function_call',
  'reasoning_effort',
  'response_format',
  'modalities',
  'user',
  'safety_identifier',
  'service_tier',
]);

const EFFORTS: ReadonlySet<string> = new Set<Effort>(['minimal', 'low', 'medium', 'high', 'xhigh', 'max']);

/**
 * Reads the body of `POST /v1/chat/completions`. `model` is left to routing.
 *
 * @throws GatewayError `invalid_request` naming the path of what is wrong; `not_supported` where leaving a thing
 *   out would change what was explicitly asked for (several choices, audio, uploaded files)
 */
export function readOpenAIRequest(body: unknown): Conversation {
  if (!isObject(body)) throw invalid('body', 'expected a JSON object');
  refuseSeveralChoices(body.n);
  refuseAudio(body.modalities);
  const dropped: Notes = new Set(
    Object.keys(body)
      .filter((key) => isLoss(key, body[key]))
      .map((key) => noteOf(key)),
  );
  const turns = readMessages(body.messages, dropped);
  const said = turns.findIndex((turn) => turn.role !== 'system');
  const { tools, choice } = readToolSet(body, dropped);
  const stream = optional(body.stream, 'stream', 'boolean') ?? false;
  return {
    stream,
    streamUsage: stream && asObject(body.stream_options).include_usage === true,
    system: turns
      .slice(0, said === -1 ? turns.length : said)
      .flatMap((turn) => (turn.role === 'system' && hasInk(turn.text) ? [turn.text] : [])),
    turns: said === -1 ? [] : turns.slice(said),
    tools,
    toolChoice: choice,
    parallelTools: optional(body.parallel_tool_calls, 'parallel_tool_calls', 'boolean') ?? null,
    maxTokens: readMaxTokens(body),
    temperature: optional(body.temperature, 'temperature', 'number') ?? null,
    topP: optional(body.top_p, 'top_p', 'number') ?? null,
    topK: optional(body.top_k, 'top_k', 'number') ?? null,
    stop: readStop(body.stop),
    reasoning: readEffort(body.reasoning_effort, dropped),
    format: readFormat(body.response_format),
    user: asText(body.safety_identifier) || asText(body.user) || null,
    ...readServiceTier(body.service_tier, dropped),
    ...(marksCaching(body) && { cachePrompt: true }),
    dropped: [...dropped],
  };
}

/** Claude knows two of the tiers; `flex` and `priority` become any that there is (O-18). */
function readServiceTier(value: unknown, dropped: Notes): Pick<Conversation, 'serviceTier'> {
  if (value === undefined || value === null) return {};
  if (value === 'default') return { serviceTier: 'standard' };
  if (value !== 'auto') dropped.add('service_tier');
  return { serviceTier: 'auto' };
}

/** Values that ask for nothing are no loss: SDKs and frameworks fill them in. */
function isLoss(key: string, value: unknown): boolean {
  return !UNDERSTOOD.has(key) && key !== 'cache_control' && value !== null && value !== false;
}

function refuseSeveralChoices(n: unknown): void {
  const choices = optional(n, 'n', 'number') ?? 1;
  if (choices !== 1) throw new GatewayError('not_supported', 'n: only 1 choice is available on this model');
}

function refuseAudio(modalities: unknown): void {
  if (!asList(modalities).includes('audio')) return;
  throw new GatewayError('not_supported', 'modalities: audio is not available on this model');
}

function readMaxTokens(body: JsonObject): number | null {
  const field = body.max_completion_tokens === undefined ? 'max_tokens' : 'max_completion_tokens';
  const tokens = optional(body[field], field, 'number') ?? optional(body.max_tokens, 'max_tokens', 'number');
  if (tokens === undefined) return null;
  if (!Number.isInteger(tokens) || tokens < 1) throw invalid(field, 'expected a whole number of 1 or more');
  return tokens;
}

function readStop(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  const sequences: unknown = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(sequences)) throw invalid('stop', 'expected a string or an array of strings');
  return sequences.map((one: unknown, i) => {
    if (typeof one !== 'string') throw invalid(`stop.${i}`, 'expected a string');
    return one;
  });
}

/** An effort that we do not know yet is left out rather than refused. */
function readEffort(value: unknown, dropped: Notes): ReasoningRequest {
  if (value === undefined || value === null) return { kind: 'default' };
  if (value === 'none') return { kind: 'off' };
  if (typeof value === 'string' && EFFORTS.has(value)) {
    return { kind: 'on', effort: value as Effort, budget: null, shown: true };
  }
  dropped.add('reasoning_effort');
  return { kind: 'default' };
}

function readFormat(value: unknown): OutputFormat {
  if (value === undefined || value === null) return { kind: 'text' };
  const format = asObject(value);
  if (format.type === 'text') return { kind: 'text' };
  if (format.type === 'json_object') return { kind: 'json-object' };
  if (format.type !== 'json_schema') {
    throw invalid('response_format.type', 'expected one of text, json_object, json_schema');
  }
  const { name, schema, strict } = asObject(format.json_schema);
  if (!isObject(schema)) throw invalid('response_format.json_schema.schema', 'expected a JSON schema');
  return { kind: 'json-schema', name: asText(name) || 'output', schema, strict: strict === true };
}

/** Whether a client marked its prompt for caching, as LiteLLM's and OpenRouter's users do for Claude. */
function marksCaching(body: JsonObject): boolean {
  const isMarked = (holder: unknown): boolean => isObject(asObject(holder).cache_control);
  return (
    isMarked(body) ||
    asList(body.tools).some(isMarked) ||
    asList(body.messages).some((message) => {
      const { content } = asObject(message);
      return isMarked(message) || asList(content).some(isMarked);
    })
  );
}
