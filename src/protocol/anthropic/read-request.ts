/**
 * An Anthropic Messages request, read for a backend that speaks another dialect.
 *
 * Strict about what would change the meaning, open to everything else: unknown fields, blocks and tool types are
 * left out and named in `dropped` (P2, P11).
 */
import { GatewayError } from '../../errors.ts';
import type { Conversation, Effort, OutputFormat, ReasoningRequest, Turn } from '../conversation.ts';
import { hasInk } from '../ink.ts';
import { asObject, asText, isObject, type JsonObject, parseJson } from '../json.ts';
import { invalid, type Notes, noteOf, optional } from '../read-fields.ts';
import { readAssistantParts, readUserParts } from './read-blocks.ts';
import { readParallelTools, readToolChoice, readTools } from './read-tools.ts';

export interface ReadAnthropicOptions {
  /** `count_tokens` bodies carry no `max_tokens`. Default `required`. */
  readonly maxTokens?: 'required' | 'optional';
}

const UNDERSTOOD = new Set([
  'model',
  'messages',
  'system',
  'max_tokens',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'tools',
  'tool_choice',
  'thinking',
  'metadata',
  'output_config',
  'output_format',
  'service_tier',
]);

const EFFORTS: ReadonlySet<string> = new Set<Effort>(['minimal', 'low', 'medium', 'high', 'xhigh', 'max']);

/** Claude Code's first system block; it can differ per conversation and would spoil prefix caches. */
const ATTRIBUTION = 'x-anthropic-billing-header:';

/**
 * Reads the body of `POST /v1/messages` or `/v1/messages/count_tokens`. `model` is left to routing.
 * `max_tokens: 0` (a cache warm-up) comes back as 0: the caller answers it without a backend.
 *
 * @throws GatewayError `invalid_request` naming the path of what is wrong; `not_supported` where leaving a thing
 *   out would change what was explicitly asked for (MCP servers, file ids, a forced hosted tool)
 */
export function readAnthropicRequest(body: unknown, options: ReadAnthropicOptions = {}): Conversation {
  if (!isObject(body)) throw invalid('body', 'expected a JSON object');
  const request = body;
  refuseMcpServers(request);
  const dropped: Notes = new Set(
    Object.keys(request)
      .filter((key) => !UNDERSTOOD.has(key))
      .map((key) => noteOf(key)),
  );
  const tools = readTools(request.tools, request.tool_choice, dropped);
  const messages = readMessages(request.messages, dropped);
  const user = optional(asObject(request.metadata).user_id, 'metadata.user_id', 'string') ?? null;
  const effort = messages.effort ?? readEffort(asObject(request.output_config), 'output_config', dropped);
  return {
    stream: optional(request.stream, 'stream', 'boolean') ?? false,
    streamUsage: true,
    system: readSystem(request.system, dropped),
    turns: messages.turns,
    tools,
    toolChoice: tools.length === 0 ? null : readToolChoice(request.tool_choice, dropped),
    parallelTools: readParallelTools(request.tool_choice),
    maxTokens: readMaxTokens(request.max_tokens, options.maxTokens ?? 'required'),
    temperature: optional(request.temperature, 'temperature', 'number') ?? null,
    topP: optional(request.top_p, 'top_p', 'number') ?? null,
    topK: optional(request.top_k, 'top_k', 'number') ?? null,
    stop: readStopSequences(request.stop_sequences, dropped),
    reasoning: readThinking(request.thinking, effort, dropped),
    format: readFormat(request, dropped),
    user,
    ...readSession(user),
    ...readServiceTier(request.service_tier, dropped),
    dropped: [...dropped],
  };
}

/** Claude Code packs a JSON object of ids into its user id; the session is that of one conversation. */
function readSession(user: string | null): Pick<Conversation, 'session'> {
  const session = asText(asObject(parseJson(user ?? '')).session_id);
  return session === '' ? {} : { session };
}

function readServiceTier(value: unknown, dropped: Notes): Pick<Conversation, 'serviceTier'> {
  if (value === 'auto') return { serviceTier: 'auto' };
  if (value === 'standard_only') return { serviceTier: 'standard' };
  if (value !== undefined && value !== null) dropped.add('service_tier');
  return {};
}

/** Without them the tools that the request counts on would silently be missing. */
function refuseMcpServers(request: JsonObject): void {
  if (!Array.isArray(request.mcp_servers) || request.mcp_servers.length === 0) return;
  throw new GatewayError('not_supported', 'mcp_servers: MCP servers are not available on this model');
}

function readMaxTokens(value: unknown, need: 'required' | 'optional'): number | null {
  if (value === undefined || value === null) {
    if (need === 'optional') return null;
    throw invalid('max_tokens', 'Field required');
  }
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw invalid('max_tokens', 'expected a whole number of 0 or more');
  }
  return value;
}

function readStopSequences(value: unknown, dropped: Notes): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid('stop_sequences', 'expected an array of strings');
  const sequences = value.map((one, i) => {
    if (typeof one !== 'string') throw invalid(`stop_sequences.${i}`, 'expected a string');
    return one;
  });
  // An empty sequence stops nothing, and vLLM refuses it.
  if (sequences.includes('')) dropped.add('stop_sequences.empty');
  return sequences.filter((one) => one !== '');
}

function readSystem(value: unknown, dropped: Notes): readonly string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return hasInk(value) ? [value] : [];
  if (!Array.isArray(value)) throw invalid('system', 'expected a string or an array of text blocks');
  const texts = value.flatMap((block, i) => readSystemBlock(block, `system.${i}`, dropped));
  const first = texts.findIndex((text) => !text.startsWith(ATTRIBUTION));
  if (first !== 0 && texts.length > 0) dropped.add('system.attribution');
  return (first === -1 ? [] : texts.slice(first)).filter(hasInk);
}

function readSystemBlock(value: unknown, path: string, dropped: Notes): readonly string[] {
  if (!isObject(value) || typeof value.type !== 'string') throw invalid(path, 'expected a text block');
  if (value.type !== 'text') {
    dropped.add(noteOf('system', value.type));
    return [];
  }
  if (typeof value.text !== 'string') throw invalid(`${path}.text`, 'expected a string');
  return [value.text];
}

interface ReadMessages {
  readonly turns: readonly Turn[];
  /** The last effort that a message set for the turns after it (beta `per-turn-control`). */
  readonly effort: Effort | null;
}

function readMessages(value: unknown, dropped: Notes): ReadMessages {
  if (!Array.isArray(value)) throw invalid('messages', 'expected an array of messages');
  if (value.length === 0) throw invalid('messages', 'at least one message is required');
  let effort: Effort | null = null;
  const turns = value.map((message, i) => {
    if (!isObject(message)) throw invalid(`messages.${i}`, 'expected an object');
    effort = readEffort(asObject(message.output_config), 'messages.output_config', dropped) ?? effort;
    return readTurn(message, `messages.${i}`, dropped);
  });
  return { turns: turns.filter(isNotEmpty), effort };
}

function readTurn(message: JsonObject, path: string, dropped: Notes): Turn {
  const at = `${path}.content`;
  const content = readContent(message.content, at);
  if (message.role === 'assistant') {
    return { role: 'assistant', parts: readAssistantParts(content, at, dropped) };
  }
  if (message.role === 'system') {
    return {
      role: 'system',
      text: content.flatMap((one, i) => readSystemText(one, `${at}.${i}`, dropped)).join('\n\n'),
    };
  }
  if (typeof message.role !== 'string') throw invalid(`${path}.role`, 'expected a string');
  if (message.role !== 'user') dropped.add(noteOf('messages.role', message.role));
  return { role: 'user', parts: readUserParts(content, at, dropped) };
}

const readSystemText = (block: unknown, path: string, dropped: Notes): readonly string[] =>
  readSystemBlock(block, path, dropped).filter(hasInk);

/** A string means the same as one text block of it. */
function readContent(value: unknown, path: string): readonly unknown[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  if (!Array.isArray(value)) throw invalid(path, 'expected a string or an array of blocks');
  return value;
}

function isNotEmpty(turn: Turn): boolean {
  return turn.role === 'system' ? hasInk(turn.text) : turn.parts.length > 0;
}

function readEffort(config: JsonObject, path: string, dropped: Notes): Effort | null {
  const effort = config.effort;
  if (effort === undefined || effort === null) return null;
  if (typeof effort === 'string' && EFFORTS.has(effort)) return effort as Effort;
  dropped.add(`${path}.effort`);
  return null;
}

/** Efforts without `thinking` are left out: reasoning is off then, whatever its effort would be. */
function readThinking(value: unknown, effort: Effort | null, dropped: Notes): ReasoningRequest {
  const thinking = asObject(value);
  if (thinking.type === 'disabled') return { kind: 'off' };
  if (thinking.type === 'enabled' || thinking.type === 'adaptive') {
    const budget = thinking.type === 'enabled' ? thinking.budget_tokens : null;
    return {
      kind: 'on',
      effort,
      budget: typeof budget === 'number' && Number.isFinite(budget) ? budget : null,
      shown: thinking.display !== 'omitted',
    };
  }
  if (value !== undefined && value !== null) dropped.add('thinking');
  if (effort !== null) dropped.add('output_config.effort');
  return { kind: 'default' };
}

/** `output_config.format`, and the field it had in the beta. */
function readFormat(request: JsonObject, dropped: Notes): OutputFormat {
  const config = asObject(request.output_config);
  for (const key of Object.keys(config)) {
    if (key !== 'effort' && key !== 'format') dropped.add(noteOf('output_config', key));
  }
  const given = config.format ?? request.output_format;
  if (given === undefined || given === null) return { kind: 'text' };
  const format = asObject(given);
  if (format.type !== 'json_schema') {
    dropped.add('output_config.format');
    return { kind: 'text' };
  }
  if (!isObject(format.schema)) throw invalid('output_config.format.schema', 'expected a JSON schema');
  return { kind: 'json-schema', name: 'output', schema: format.schema, strict: true };
}
