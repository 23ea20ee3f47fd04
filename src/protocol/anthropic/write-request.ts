/** A conversation as a body for `POST /v1/messages` (translation.md §8). */
import type { Conversation, Tool, ToolChoice, WrittenRequest } from '../conversation.ts';
import { hasInk } from '../ink.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { BackendProfile } from '../profile.ts';
import { createToolNames, type ToolNames } from '../tool-names.ts';
import { type ClaudeTraits, claudeTraits } from './claude-models.ts';
import { toClaudeSchema } from './output-schema.ts';
import { writeMessages } from './write-messages.ts';
import { chooseThinking, type ThinkingChoice } from './write-thinking.ts';

export interface AnthropicTarget {
  readonly model: string;
  readonly profile: Pick<BackendProfile, 'structuredMessages'>;
  /** `max_tokens` where the client named none; the format demands one (O-09). */
  readonly maxOutputTokens: number;
  /** Hex SHA-256. */
  readonly hash: (text: string) => string;
}

/** Writes the body. Equal conversations give equal bodies, and a longer one begins as the shorter did (P5). */
export function writeAnthropicRequest(conversation: Conversation, target: AnthropicTarget): WrittenRequest {
  const dropped = new Set(conversation.dropped);
  const traits = claudeTraits(target.model);
  const structured = traits.structured || target.profile.structuredMessages;
  const names = createToolNames(toolNamesIn(conversation), target.hash);
  const { messages, resumesUnsignedTurn } = writeMessages(conversation.turns, {
    toSentName: names.toSent,
    hash: target.hash,
    dropped,
  });
  const thinking = chooseThinking(
    conversation,
    { traits, maxOutputTokens: target.maxOutputTokens, resumesUnsignedTurn },
    dropped,
  );
  const body = {
    model: target.model,
    max_tokens: thinking.maxTokens,
    stream: conversation.stream,
    ...writeSystem(conversation, structured, dropped),
    ...writeTools(conversation, structured, names, dropped),
    messages,
    ...(thinking.thinking !== null && { thinking: thinking.thinking }),
    ...writeOutputConfig(conversation, structured, thinking),
    ...writeSampling(conversation, traits, thinking, dropped),
    ...writeStop(conversation.stop, dropped),
    ...writeServiceTier(conversation),
    // Claude forbids names and addresses here, and no backend has to know them (O-18).
    ...(conversation.user !== null && { metadata: { user_id: target.hash(conversation.user) } }),
  };
  return {
    body: conversation.cachePrompt === true ? markForCaching(body) : body,
    toolNames: names.changed,
    dropped: [...dropped],
  };
}

function toolNamesIn({
  tools,
  toolChoice,
  turns,
}: Pick<Conversation, 'tools' | 'toolChoice' | 'turns'>): readonly string[] {
  const called = turns
    .flatMap((turn) => (turn.role === 'assistant' ? turn.parts : []))
    .flatMap((part) => (part.type === 'tool-call' ? [part.name] : []));
  const chosen = toolChoice?.kind === 'tool' ? [toolChoice.name] : [];
  return [...new Set([...tools.map((tool) => tool.name), ...chosen, ...called])];
}

function writeSystem(
  { system, format }: Conversation,
  structured: boolean,
  dropped: Set<string>,
): JsonObject {
  const texts = system.filter(hasInk);
  if (format.kind === 'json-object') texts.push('Respond with one JSON object only.');
  if (format.kind === 'json-schema' && !structured) {
    dropped.add('response_format.json_schema');
    const schema = JSON.stringify(format.schema);
    texts.push(`Respond with one JSON object only, valid against this JSON schema:\n${schema}`);
  }
  return texts.length === 0 ? {} : { system: texts.map((text) => ({ type: 'text', text })) };
}

/**
 * Tools and the choice among them. A history with calls needs declarations on some of Claude's platforms even when
 * the client sends none any more, so they are made up from the names, and forbidden (O-15).
 */
function writeTools(
  { tools, toolChoice, parallelTools, turns }: Conversation,
  structured: boolean,
  names: ToolNames,
  dropped: Set<string>,
): JsonObject {
  if (tools.length === 0) {
    const called = toolNamesIn({ tools, toolChoice: null, turns });
    if (called.length === 0) return {};
    const input_schema = { type: 'object', properties: {} };
    return {
      tools: called.map((name) => ({ name: names.toSent(name), input_schema })),
      tool_choice: { type: 'none' },
    };
  }
  const choice = writeChoice(toolChoice, parallelTools, names);
  return {
    tools: tools.map((tool) => writeTool(tool, structured, names, dropped)),
    ...(choice !== null && { tool_choice: choice }),
  };
}

function writeTool(tool: Tool, structured: boolean, names: ToolNames, dropped: Set<string>): JsonObject {
  const strict = tool.strict && structured;
  if (tool.strict && !strict) dropped.add('tools.strict');
  return {
    name: names.toSent(tool.name),
    ...(tool.description !== null && { description: tool.description }),
    input_schema: strict ? toClaudeSchema(withType(tool.schema)) : withType(tool.schema),
    ...(strict && { strict: true }),
  };
}

/** The root must be an object; alternatives at the root are left to Claude's own words (O-13). */
function withType(schema: JsonObject): JsonObject {
  if (Object.keys(schema).length === 0) return { type: 'object', properties: {} };
  const isAlternative = ['anyOf', 'oneOf', 'allOf', '$ref'].some((key) => schema[key] !== undefined);
  return schema.type === undefined && !isAlternative ? { type: 'object', ...schema } : schema;
}

function writeChoice(
  choice: ToolChoice | null,
  parallel: boolean | null,
  names: ToolNames,
): JsonObject | null {
  const single = parallel === false && choice?.kind !== 'none' ? { disable_parallel_tool_use: true } : {};
  if (choice?.kind === 'tool') return { type: 'tool', name: names.toSent(choice.name), ...single };
  if (choice !== null) return { type: choice.kind, ...single };
  return parallel === false ? { type: 'auto', ...single } : null;
}

function writeOutputConfig(
  { format }: Conversation,
  structured: boolean,
  { effort }: ThinkingChoice,
): JsonObject {
  const schema = format.kind === 'json-schema' && structured ? toClaudeSchema(format.schema) : null;
  if (effort === null && schema === null) return {};
  return {
    output_config: {
      ...(effort !== null && { effort }),
      ...(schema !== null && { format: { type: 'json_schema', schema } }),
    },
  };
}

/** Newer models take no sampling parameters at all, and none may stand beside reasoning (O-10). */
function writeSampling(
  { temperature, topP, topK }: Conversation,
  { sampling }: ClaudeTraits,
  { thinks }: ThinkingChoice,
  dropped: Set<string>,
): JsonObject {
  const accepted = sampling && !thinks;
  const written: Record<string, number> = {};
  if (temperature !== null && accepted) written.temperature = Math.min(temperature, 1);
  if (temperature !== null && temperature !== (accepted ? written.temperature : 1))
    dropped.add('temperature');
  // Some models refuse both together.
  if (topP !== null && accepted && temperature === null) written.top_p = topP;
  else if (topP !== null && topP < 0.99) dropped.add('top_p');
  if (topK !== null && accepted) written.top_k = topK;
  else if (topK !== null) dropped.add('top_k');
  return written;
}

/** Sequences of white space alone are refused by Claude (O-12). */
function writeStop(stop: readonly string[], dropped: Set<string>): JsonObject {
  const sequences = stop.filter(hasInk);
  if (sequences.length < stop.length) dropped.add('stop');
  return sequences.length === 0 ? {} : { stop_sequences: sequences };
}

function writeServiceTier({ serviceTier }: Conversation): JsonObject {
  if (serviceTier === undefined) return {};
  return { service_tier: serviceTier === 'standard' ? 'standard_only' : 'auto' };
}

const CACHE_CONTROL = { type: 'ephemeral' };

/** Claude caches up to a mark: the ends of tools, instructions and conversation are where they pay (O-19). */
function markForCaching(body: Record<string, unknown>): JsonObject {
  const messages = body.messages as readonly JsonObject[];
  const last = messages.findLastIndex((message) => message.role === 'user');
  const marked = messages.map((message, i) =>
    i === last ? { ...message, content: markLast(message.content) } : message,
  );
  return {
    ...body,
    ...(body.system !== undefined && { system: markLast(body.system) }),
    ...(body.tools !== undefined && { tools: markLast(body.tools) }),
    messages: marked,
  };
}

function markLast(list: unknown): unknown {
  if (!Array.isArray(list)) return list;
  return list.map((one: unknown, i) =>
    i === list.length - 1 && isObject(one) ? { ...one, cache_control: CACHE_CONTROL } : one,
  );
}
