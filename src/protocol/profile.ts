/**
 * What differs between vendors, as data: one row per backend kind, changed per backend in the configuration.
 * Translators read these fields and never ask which vendor it is.
 */

export interface BackendProfile {
  /** Role that carries leading instructions. */
  readonly systemRole: 'system' | 'developer';
  /** Instructions in mid-conversation: kept as a message in place, or wrapped into user text in place. */
  readonly midSystem: 'system' | 'user';
  /** Merge consecutive messages of one role (chat templates that demand alternation). */
  readonly mergeSameRole: boolean;
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens';
  /** Context window in tokens, where it is known beforehand. */
  readonly maxContext: number | null;
  /** Field that replays earlier reasoning to the model; `null`: reasoning is never replayed. */
  readonly reasoningField: 'reasoning' | 'reasoning_content' | null;
  /** Which earlier reasoning is replayed: that of the current tool loop, or of every turn with tool calls. */
  readonly reasoningReplay: 'current-loop' | 'tool-turns';
  /** How reasoning is switched. */
  readonly reasoningToggle: 'chat-template' | 'reasoning-effort' | 'none';
  /** Efforts that the backend accepts, lowest first; others are rounded to the nearest. */
  readonly efforts: readonly string[];
  /** Whether an effort may be sent beside tools; OpenAI's models from GPT-5.4 on refuse both together. */
  readonly effortWithTools: boolean;
  /** Reasoning arrives inside `<think>` tags in the text. */
  readonly thinkTags: boolean;
  readonly toolIdFormat: 'any' | 'openai' | 'mistral' | 'kimi';
  readonly vision: boolean;
  readonly pdf: boolean;
  /** Most stop sequences accepted. */
  readonly stopMax: number;
  /** Whether `top_k` is accepted. */
  readonly topK: boolean;
  /** Field for the caller's (hashed) identity; `null`: none is sent. */
  readonly userField: 'user' | 'safety_identifier' | null;
  /** Path of a token counter beside `/v1`, if there is one. */
  readonly tokenizePath: string | null;
  /** Whether `stream_options.include_usage` is understood. */
  readonly streamUsage: boolean;
  /** Content of an assistant message that only calls tools. */
  readonly emptyAssistantContent: null | '';
  /** A trailing assistant message is continued rather than answered (vLLM's `continue_final_message`). */
  readonly continuesPrefill: boolean;
}

const VLLM: BackendProfile = {
  systemRole: 'system',
  midSystem: 'user',
  mergeSameRole: true,
  maxTokensField: 'max_tokens',
  maxContext: null,
  reasoningField: 'reasoning',
  reasoningReplay: 'current-loop',
  reasoningToggle: 'chat-template',
  efforts: [],
  effortWithTools: true,
  thinkTags: false,
  toolIdFormat: 'any',
  vision: true,
  pdf: false,
  stopMax: Number.POSITIVE_INFINITY,
  topK: true,
  userField: null,
  tokenizePath: '/tokenize',
  streamUsage: true,
  emptyAssistantContent: '',
  continuesPrefill: true,
};

const OPENAI: BackendProfile = {
  ...VLLM,
  systemRole: 'developer',
  midSystem: 'system',
  mergeSameRole: false,
  maxTokensField: 'max_completion_tokens',
  reasoningField: null,
  reasoningToggle: 'reasoning-effort',
  efforts: ['minimal', 'low', 'medium', 'high', 'xhigh'],
  effortWithTools: false,
  toolIdFormat: 'openai',
  pdf: true,
  stopMax: 4,
  topK: false,
  userField: 'safety_identifier',
  tokenizePath: null,
  emptyAssistantContent: null,
  continuesPrefill: false,
};

const GENERIC: BackendProfile = {
  ...OPENAI,
  systemRole: 'system',
  midSystem: 'user',
  mergeSameRole: true,
  maxTokensField: 'max_tokens',
  reasoningToggle: 'none',
  efforts: [],
  effortWithTools: true,
  toolIdFormat: 'any',
  pdf: false,
  userField: null,
  emptyAssistantContent: '',
};

/** Named profiles; a backend names one and may change single fields. */
export const PROFILES = { vllm: VLLM, openai: OPENAI, generic: GENERIC } as const satisfies Record<
  string,
  BackendProfile
>;

export type ProfileName = keyof typeof PROFILES;
