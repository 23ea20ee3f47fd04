/** A conversation as an OpenAI Chat Completions request. */
import type { Conversation, OutputFormat, Tool, ToolChoice, WrittenRequest } from '../conversation.ts';
import type { JsonObject } from '../json.ts';
import type { BackendProfile } from '../profile.ts';
import { createToolNames, type ToolNames } from '../tool-names.ts';
import { cleanOutputSchema, cleanParameters, isStrictSchema } from './clean-schema.ts';
import { createToolIdWriter } from './tool-ids.ts';
import { writeMessages } from './write-messages.ts';
import { writeReasoning } from './write-reasoning.ts';

export interface WriteOpenAIOptions {
  /** Model name as the backend knows it. */
  readonly model: string;
  readonly profile: BackendProfile;
  /** Hex SHA-256. */
  readonly hash: (text: string) => string;
}

/**
 * Writes the body of `POST /v1/chat/completions`. Equal input gives equal bytes (P5): no time, no chance.
 *
 * Stop sequences beyond `profile.stopMax` are not sent; the caller that wants them kept stops the text itself.
 *
 * @throws GatewayError `invalid_request` or `not_supported` for what this backend cannot be asked at all
 */
export function writeOpenAIRequest(conversation: Conversation, options: WriteOpenAIOptions): WrittenRequest {
  const { model, profile, hash } = options;
  const dropped = new Set(conversation.dropped);
  const names = createToolNames(namesIn(conversation), hash);
  const writeId = createToolIdWriter(profile.toolIdFormat, hash);
  const { messages, prefilled } = writeMessages(conversation, { profile, names, writeId, dropped });
  const body = {
    model,
    messages,
    ...writeTools(conversation, names, dropped),
    ...writeLimits(conversation, profile, dropped),
    ...writeSampling(conversation, profile, dropped),
    ...writeFormat(conversation.format),
    ...writeReasoning(conversation, profile, dropped),
    ...(prefilled ? { continue_final_message: true, add_generation_prompt: false } : {}),
    ...writeUser(conversation, options, dropped),
    ...writeServiceTier(conversation, profile, dropped),
    ...writeStream(conversation.stream, profile),
  };
  return { body, toolNames: names.changed, dropped: [...dropped] };
}

function* namesIn(conversation: Conversation): Iterable<string> {
  for (const tool of conversation.tools) yield tool.name;
  for (const turn of conversation.turns) {
    if (turn.role !== 'assistant') continue;
    for (const part of turn.parts) if (part.type === 'tool-call') yield part.name;
  }
}

/** OpenAI refuses an empty list of tools, and a choice without tools. */
function writeTools(conversation: Conversation, names: ToolNames, dropped: Set<string>): JsonObject {
  const { tools, toolChoice, parallelTools } = conversation;
  if (tools.length === 0) return {};
  return {
    tools: tools.map((tool) => writeTool(tool, names, dropped)),
    ...(toolChoice === null ? {} : { tool_choice: writeToolChoice(toolChoice, names) }),
    ...(parallelTools === null ? {} : { parallel_tool_calls: parallelTools }),
  };
}

function writeTool(tool: Tool, names: ToolNames, dropped: Set<string>): JsonObject {
  const parameters = cleanParameters(tool.schema);
  const strict = tool.strict && isStrictSchema(parameters);
  if (tool.strict && !strict) dropped.add('tools.strict');
  return {
    type: 'function',
    function: {
      name: names.toSent(tool.name),
      ...(tool.description === null ? {} : { description: tool.description }),
      parameters,
      ...(strict ? { strict } : {}),
    },
  };
}

function writeToolChoice(choice: ToolChoice, names: ToolNames): unknown {
  if (choice.kind === 'tool') return { type: 'function', function: { name: names.toSent(choice.name) } };
  return choice.kind === 'any' ? 'required' : choice.kind;
}

function writeLimits(conversation: Conversation, profile: BackendProfile, dropped: Set<string>): JsonObject {
  const { maxTokens, stop } = conversation;
  if (stop.length > profile.stopMax) dropped.add('stop_sequences');
  return {
    ...(maxTokens === null ? {} : { [profile.maxTokensField]: maxTokens }),
    ...(stop.length === 0 || profile.stopMax === 0 ? {} : { stop: stop.slice(0, profile.stopMax) }),
  };
}

function writeSampling(
  conversation: Conversation,
  profile: BackendProfile,
  dropped: Set<string>,
): JsonObject {
  const { temperature, topP, topK, reasoning } = conversation;
  // OpenAI's reasoning models refuse both, and Claude allows nothing but the defaults beside thinking.
  const free = profile.reasoningToggle !== 'reasoning-effort' || reasoning.kind !== 'on';
  if (!free && temperature !== null) dropped.add('temperature');
  if (!free && topP !== null) dropped.add('top_p');
  if (topK !== null && !profile.topK) dropped.add('top_k');
  return {
    ...(temperature === null || !free ? {} : { temperature }),
    ...(topP === null || !free ? {} : { top_p: topP }),
    ...(topK === null || !profile.topK ? {} : { top_k: topK }),
  };
}

function writeFormat(format: OutputFormat): JsonObject {
  if (format.kind === 'text') return {};
  if (format.kind === 'json-object') return { response_format: { type: 'json_object' } };
  const schema = cleanOutputSchema(format.schema);
  const strict = format.strict && isStrictSchema(schema) ? { strict: true } : {};
  return {
    response_format: { type: 'json_schema', json_schema: { name: format.name, schema, ...strict } },
  };
}

/** Never the names themselves: Claude Code's is a JSON text with device and session ids, too long for most. */
function writeUser(
  { user, session }: Conversation,
  { profile, hash }: WriteOpenAIOptions,
  dropped: Set<string>,
): JsonObject {
  const sent = (name: string) => hash(name).slice(0, 64);
  if (user !== null && profile.userField === null) dropped.add('metadata.user_id');
  return {
    ...(user !== null && profile.userField !== null && { [profile.userField]: sent(user) }),
    ...(session !== undefined && profile.promptCacheKey && { prompt_cache_key: sent(session) }),
  };
}

function writeServiceTier(
  { serviceTier }: Conversation,
  profile: BackendProfile,
  dropped: Set<string>,
): JsonObject {
  if (serviceTier === undefined) return {};
  if (profile.serviceTier) return { service_tier: serviceTier === 'standard' ? 'default' : 'auto' };
  dropped.add('service_tier');
  return {};
}

function writeStream(stream: boolean, profile: BackendProfile): JsonObject {
  if (!stream) return { stream: false };
  return { stream: true, ...(profile.streamUsage ? { stream_options: { include_usage: true } } : {}) };
}
