/**
 * What a mock backend holds against a request: everything a real backend would refuse, and everything that must
 * never leave the gateway.
 */
import type { IncomingMessage } from 'node:http';
import type { MockFormat } from './mock-replies.ts';

/** Never sent to a backend, whatever the client said (facts: platform.md B1 rule 5). */
const FORBIDDEN = [
  /^cookie$/,
  /^forwarded$/,
  /^x-forwarded-/,
  /^x-real-ip$/,
  /^x-gateway-/,
  /^proxy-/,
  /^(te|trailer|upgrade|keep-alive)$/,
  // Codex's: who, where and on what somebody works (facts: codex.md §2).
  /^x-codex-/,
  /^(session|thread)-id$/,
  /^originator$/,
];

/** Parameters of Chat Completions, and those vLLM adds; an Anthropic field among them is a translator's slip. */
const OPENAI_FIELDS = new Set(
  `audio cache_salt chat_template_kwargs continue_final_message add_generation_prompt frequency_penalty
  function_call functions include_reasoning logit_bias logprobs max_completion_tokens max_tokens messages
  metadata min_p modalities model n parallel_tool_calls prediction presence_penalty prompt_cache_key
  reasoning_effort repetition_penalty response_format safety_identifier seed service_tier stop store stream
  stream_options structured_outputs temperature tool_choice tools top_k top_logprobs top_p user verbosity
  web_search_options`.split(/\s+/),
);

/** Parameters of Responses. Codex's `client_metadata` (workspace path, remote, commit) is none that may arrive. */
const RESPONSES_FIELDS = new Set(
  `background context_management conversation include input instructions max_output_tokens max_tool_calls
  metadata model parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_retention
  reasoning safety_identifier service_tier store stream stream_options temperature text tool_choice tools
  top_logprobs top_p truncation user`.split(/\s+/),
);

const ROLES: Readonly<Record<Exclude<MockFormat, 'responses'>, readonly string[]>> = {
  anthropic: ['user', 'assistant', 'system'],
  openai: ['system', 'developer', 'user', 'assistant', 'tool', 'function'],
};

export interface CredentialRule {
  readonly dialect: Exclude<MockFormat, 'responses'>;
  /** The one credential the backend takes; `null`: none may be sent. */
  readonly credential: string | null;
  /** Texts that no request may contain: clients' keys, for example. */
  readonly neverReceives: readonly string[];
}

/** What is wrong with the request's head; empty when nothing is. */
export function headProblems(rule: CredentialRule, message: IncomingMessage): string[] {
  const names = message.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const doubled = names.filter((name, index) => names.indexOf(name) !== index);
  const forbidden = names.filter((name) => FORBIDDEN.some((pattern) => pattern.test(name)));
  const head = `${message.url}\n${message.rawHeaders.join('\n')}`;
  return [
    ...doubled.map((name) => `header "${name}" sent twice`),
    ...forbidden.map((name) => `header "${name}" must never reach a backend`),
    ...credentialProblems(rule, message),
    ...rule.neverReceives
      .filter((secret) => head.includes(secret))
      .map((secret) => `the text "${secret}" must never reach a backend`),
  ];
}

function credentialProblems(rule: CredentialRule, message: IncomingMessage): string[] {
  const { authorization, 'x-api-key': key, 'anthropic-version': version } = message.headers;
  const wanted =
    rule.dialect === 'anthropic'
      ? { authorization: undefined, key: rule.credential ?? undefined }
      : {
          authorization: rule.credential === null ? undefined : `Bearer ${rule.credential}`,
          key: undefined,
        };
  return [
    ...(authorization === wanted.authorization ? [] : [`authorization is ${authorization}`]),
    ...(key === wanted.key ? [] : [`x-api-key is ${key}`]),
    ...(rule.dialect === 'anthropic' && version === undefined ? ['anthropic-version is missing'] : []),
  ];
}

/** What is wrong with an inference body; empty when nothing is. */
export function bodyProblems(
  rule: CredentialRule,
  format: MockFormat,
  message: IncomingMessage,
  body: Buffer,
): string[] {
  const type = message.headers['content-type'] ?? '';
  if (!/^application\/json\b/.test(type)) return [`content-type is "${type}"`];
  const text = body.toString('utf8');
  const leaked = rule.neverReceives.filter((secret) => text.includes(secret));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return [`the body is not JSON: ${text.slice(0, 80)}`];
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return ['the body is no JSON object'];
  const fields = json as Record<string, unknown>;
  return [
    ...leaked.map((secret) => `the text "${secret}" must never reach a backend`),
    ...(typeof fields.model === 'string' && fields.model !== '' ? [] : ['model is missing']),
    ...PROBLEMS[format](fields),
  ];
}

const unknownFields = (fields: Record<string, unknown>, known: ReadonlySet<string>, what: string): string[] =>
  Object.keys(fields)
    .filter((name) => !known.has(name))
    .map((name) => `"${name}" is no ${what} parameter`);

const anthropicProblems = (fields: Record<string, unknown>): string[] =>
  typeof fields.max_tokens === 'number' ? [] : ['max_tokens is missing'];

const PROBLEMS: Readonly<Record<MockFormat, (fields: Record<string, unknown>) => string[]>> = {
  anthropic: (fields) => [...anthropicProblems(fields), ...messageProblems('anthropic', fields.messages)],
  openai: (fields) => [
    ...unknownFields(fields, OPENAI_FIELDS, 'Chat Completions'),
    ...messageProblems('openai', fields.messages),
  ],
  responses: (fields) => [
    ...unknownFields(fields, RESPONSES_FIELDS, 'Responses'),
    ...(fields.input === undefined || fields.input === '' ? ['input is missing'] : []),
  ],
};

function messageProblems(dialect: CredentialRule['dialect'], messages: unknown): string[] {
  if (!Array.isArray(messages) || messages.length === 0) return ['messages is empty'];
  const problems = messages.flatMap((message: Record<string, unknown>, index) =>
    ROLES[dialect].includes(String(message.role)) ? [] : [`messages.${index} has the role "${message.role}"`],
  );
  return dialect === 'openai' ? [...problems, ...unansweredCalls(messages)] : problems;
}

/** Chat Completions wants every tool call answered right after it, and every tool message asked for. */
function unansweredCalls(messages: readonly Record<string, unknown>[]): string[] {
  const problems: string[] = [];
  let waiting = new Set<unknown>();
  messages.forEach((message, index) => {
    if (message.role === 'tool') {
      if (!waiting.delete(message.tool_call_id)) problems.push(`messages.${index} answers no open tool call`);
      return;
    }
    if (waiting.size > 0)
      problems.push(`messages.${index} comes before ${[...waiting].join(', ')} is answered`);
    const calls = (message.tool_calls ?? []) as { id?: unknown }[];
    waiting = new Set(calls.map((call) => call.id));
  });
  return waiting.size > 0 ? [...problems, `${[...waiting].join(', ')} is never answered`] : problems;
}
