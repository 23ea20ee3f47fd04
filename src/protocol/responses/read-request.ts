/**
 * A Responses request, read for a backend that speaks another dialect (codex.md §2, §8). Strict about what would change
 * the meaning, open to everything else: what no other dialect knows is left out and named in `dropped`.
 */
import { GatewayError } from '../../errors.ts';
import type { Conversation, Effort, OutputFormat, ReasoningRequest, Turn } from '../conversation.ts';
import { hasInk } from '../ink.ts';
import { asList, asObject, asText, isObject, type JsonObject } from '../json.ts';
import { invalid, type Notes, noteOf, optional } from '../read-fields.ts';
import { readItems } from './read-items.ts';
import { chooseTools, createToolBox } from './read-tools.ts';
import { NO_SEAL, type Seal } from './sealed-reasoning.ts';

const UNDERSTOOD = new Set([
  'model',
  'input',
  'instructions',
  'stream',
  'stream_options',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'max_output_tokens',
  'temperature',
  'top_p',
  'reasoning',
  'text',
  'include',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'service_tier',
  'metadata',
  'store',
  'truncation',
  'previous_response_id',
  // Codex's notes about its workspace, for nobody but itself.
  'client_metadata',
]);

/** Fields without which the request would mean another thing. */
const UNAVAILABLE: Readonly<Record<string, string>> = {
  previous_response_id:
    'previous_response_id: earlier responses are not kept for this model; send the whole conversation as input.',
  conversation: 'conversation: conversations are not kept here; send the whole conversation as input.',
  prompt: 'prompt: stored prompts are not available on this model.',
  background: 'background: only answers that are waited for are available on this model.',
};

const EFFORTS: ReadonlySet<string> = new Set<Effort>(['minimal', 'low', 'medium', 'high', 'xhigh', 'max']);

/**
 * Reads the body of `POST /v1/responses`. `model` is left to routing.
 *
 * @param options.seal opens reasoning that earlier answers of ours carried; without it, such reasoning is left out
 * @throws GatewayError `invalid_request` naming the path of what is wrong; `not_supported` for what cannot be had
 */
export function readResponsesRequest(
  body: unknown,
  { seal = NO_SEAL }: { readonly seal?: Seal | undefined } = {},
): Conversation {
  if (!isObject(body)) throw invalid('body', 'expected a JSON object');
  refuseUnavailable(body);
  const dropped: Notes = new Set(
    Object.keys(body)
      .filter((key) => isLoss(key, body[key]))
      .map((key) => noteOf(key)),
  );
  const toolBox = createToolBox(dropped);
  toolBox.declare(body.tools, 'tools');
  const turns = readItems(body.input, { dropped, toolBox, seal });
  const { tools, choice } = chooseTools(body.tool_choice, toolBox.tools(), dropped);
  const said = turns.findIndex((turn) => turn.role !== 'system');
  return {
    stream: optional(body.stream, 'stream', 'boolean') ?? false,
    streamUsage: true,
    system: readSystem(body.instructions, said === -1 ? turns : turns.slice(0, said)),
    turns: said === -1 ? [] : turns.slice(said),
    tools,
    toolChoice: choice,
    parallelTools: optional(body.parallel_tool_calls, 'parallel_tool_calls', 'boolean') ?? null,
    maxTokens: readMaxTokens(body.max_output_tokens),
    temperature: optional(body.temperature, 'temperature', 'number') ?? null,
    topP: optional(body.top_p, 'top_p', 'number') ?? null,
    topK: null,
    stop: [],
    reasoning: readReasoning(body.reasoning, dropped),
    format: readFormat(asObject(body.text).format),
    user: asText(body.safety_identifier) || asText(body.user) || null,
    // The whole thread is sent again with every turn, so its beginning is worth keeping (codex.md §8).
    ...(asText(body.prompt_cache_key) !== '' && {
      session: asText(body.prompt_cache_key),
      cachePrompt: true,
    }),
    sealsReasoning: asList(body.include).includes('reasoning.encrypted_content'),
    truncates: readTruncation(body.truncation),
    echo: toEcho(body),
    dropped: [...dropped],
  };
}

/** Values that ask for nothing are no loss: SDKs and frameworks fill them in. */
function isLoss(key: string, value: unknown): boolean {
  return !(UNDERSTOOD.has(key) || value === null || value === false || value === 0);
}

function readTruncation(value: unknown): boolean {
  const asked = optional(value, 'truncation', 'string') ?? 'disabled';
  if (asked !== 'auto' && asked !== 'disabled') throw invalid('truncation', 'expected one of auto, disabled');
  return asked === 'auto';
}

function refuseUnavailable(body: JsonObject): void {
  for (const [key, sentence] of Object.entries(UNAVAILABLE)) {
    const value = body[key];
    if (value !== undefined && value !== null && value !== false)
      throw new GatewayError('not_supported', sentence);
  }
}

function readSystem(instructions: unknown, leading: readonly Turn[]): readonly string[] {
  const first = optional(instructions, 'instructions', 'string') ?? '';
  const texts = leading.flatMap((turn) => (turn.role === 'system' ? [turn.text] : []));
  return [first, ...texts].filter(hasInk);
}

function readMaxTokens(value: unknown): number | null {
  const tokens = optional(value, 'max_output_tokens', 'number');
  if (tokens === undefined) return null;
  if (!Number.isInteger(tokens) || tokens < 1) {
    throw invalid('max_output_tokens', 'expected a whole number of 1 or more');
  }
  return tokens;
}

/** Shown only where a summary is asked for. An effort that we do not know yet is left out rather than refused. */
function readReasoning(value: unknown, dropped: Notes): ReasoningRequest {
  const { effort, summary, generate_summary } = asObject(value);
  const shown = typeof (summary ?? generate_summary) === 'string' && (summary ?? generate_summary) !== 'none';
  if (effort === 'none') return { kind: 'off' };
  if (typeof effort === 'string' && EFFORTS.has(effort)) {
    return { kind: 'on', effort: effort as Effort, budget: null, shown };
  }
  if (effort !== undefined && effort !== null) dropped.add('reasoning.effort');
  return { kind: 'as-the-model-likes', shown };
}

function readFormat(value: unknown): OutputFormat {
  if (value === undefined || value === null) return { kind: 'text' };
  const { type, name, schema, strict } = asObject(value);
  if (type === 'text') return { kind: 'text' };
  if (type === 'json_object') return { kind: 'json-object' };
  if (type !== 'json_schema')
    throw invalid('text.format.type', 'expected one of text, json_object, json_schema');
  if (!isObject(schema)) throw invalid('text.format.schema', 'expected a JSON schema');
  return { kind: 'json-schema', name: asText(name) || 'answer', schema, strict: strict === true };
}

/** Fields of the request that its response repeats, where they were said. */
const ECHOED = [
  'instructions',
  'max_output_tokens',
  'max_tool_calls',
  'metadata',
  'parallel_tool_calls',
  'prompt_cache_key',
  'safety_identifier',
  'temperature',
  'text',
  'tool_choice',
  'tools',
  'top_logprobs',
  'top_p',
  'truncation',
  'user',
];

function toEcho(body: JsonObject): JsonObject {
  const { effort = null, summary = null } = asObject(body.reasoning);
  const said = ECHOED.filter((key) => body[key] !== undefined && body[key] !== null);
  return {
    ...Object.fromEntries(said.map((key) => [key, body[key]])),
    ...(isObject(body.text) && { text: { format: { type: 'text' }, ...body.text } }),
    reasoning: { effort, summary },
  };
}
