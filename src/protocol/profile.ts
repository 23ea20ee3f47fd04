/**
 * What differs between vendors, as data: one row per backend kind, changed per backend in the configuration.
 * Translators read these fields and never ask which vendor it is.
 */

export interface BackendProfile {
  /** Role that carries leading instructions. */
  readonly systemRole: 'system' | 'developer';
  /**
   * Instructions in mid-conversation: kept as a message in place, wrapped into user text in place, or refused in the
   * words that make Claude Code ask again without them.
   */
  readonly midSystem: 'system' | 'user' | 'refuse';
  /** The first message must be the user's: a constant one is put before any other. */
  readonly firstMustBeUser: boolean;
  /** Merge consecutive messages of one role (chat templates that demand alternation). */
  readonly mergeSameRole: boolean;
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens';
  /** Context window in tokens, where it is known beforehand. */
  readonly maxContext: number | null;
  /** Field that replays earlier reasoning to the model; `null`: reasoning is never replayed. */
  readonly reasoningField: 'reasoning' | 'reasoning_content' | null;
  /** Which earlier reasoning is replayed: that of the current tool loop, or of every turn with tool calls. */
  readonly reasoningReplay: 'current-loop' | 'tool-turns';
  /** How reasoning is switched: by one of three on-off fields, by its effort, or not at all. */
  readonly reasoningToggle:
    | 'chat-template'
    | 'enable-thinking'
    | 'thinking-type'
    | 'reasoning-effort'
    | 'none';
  /** Efforts that the backend accepts, lowest first; others are rounded to the nearest. */
  readonly efforts: readonly string[];
  /** Whether an effort may be sent beside tools; OpenAI's models from GPT-5.4 on refuse both together. */
  readonly effortWithTools: boolean;
  /** Reasoning arrives inside `<think>` tags in the text. */
  readonly thinkTags: boolean;
  readonly toolIdFormat: 'any' | 'openai' | 'mistral' | 'kimi';
  /** Every chunk repeats a call's arguments from their beginning (S-36). */
  readonly cumulativeArguments: boolean;
  readonly vision: boolean;
  readonly pdf: boolean;
  /** Most stop sequences accepted; the gateway itself stops at further ones. */
  readonly stopMax: number;
  /** Whether `top_k` is accepted. */
  readonly topK: boolean;
  /** Field for the caller's (hashed) identity; `null`: none is sent. */
  readonly userField: 'user' | 'safety_identifier' | null;
  /** Whether `prompt_cache_key` is understood: the (hashed) session, so that its requests meet their cache. */
  readonly promptCacheKey: boolean;
  /** Whether `service_tier` is understood. */
  readonly serviceTier: boolean;
  /** Path of a token counter beside `/v1`, if there is one. */
  readonly tokenizePath: string | null;
  /** Whether `stream_options.include_usage` is understood. */
  readonly streamUsage: boolean;
  /** Whether a `/v1/messages` of its own, that of no Claude, takes `output_config.format` and strict tools. */
  readonly structuredMessages: boolean;
  /** Content of an assistant message that only calls tools. */
  readonly emptyAssistantContent: null | '';
  /** Whether its own `/v1/responses` is as good as OpenAI's; where not, Responses requests are translated. */
  readonly responses: boolean;
  /** A trailing assistant message is continued rather than answered (vLLM's `continue_final_message`). */
  readonly continuesPrefill: boolean;
}

const VLLM: BackendProfile = {
  systemRole: 'system',
  midSystem: 'user',
  firstMustBeUser: false,
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
  cumulativeArguments: false,
  vision: true,
  pdf: false,
  stopMax: Number.POSITIVE_INFINITY,
  topK: true,
  userField: null,
  promptCacheKey: false,
  serviceTier: false,
  tokenizePath: '/tokenize',
  streamUsage: true,
  structuredMessages: true,
  emptyAssistantContent: '',
  responses: false,
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
  promptCacheKey: true,
  serviceTier: true,
  tokenizePath: null,
  structuredMessages: false,
  emptyAssistantContent: null,
  responses: true,
  continuesPrefill: false,
};

/** What nearly every service understands. */
const GENERIC: BackendProfile = {
  ...VLLM,
  reasoningField: null,
  reasoningToggle: 'none',
  stopMax: 4,
  topK: false,
  tokenizePath: null,
  structuredMessages: false,
  continuesPrefill: false,
};

/** Where a model keeps its reasoning between its calls, its service refuses or forgets without it. */
const REPLAYED = { reasoningField: 'reasoning_content', reasoningReplay: 'tool-turns' } as const;

/**
 * Named profiles; a backend names one and may change single fields. What a model of a vendor takes and another of
 * the same vendor refuses is left out of the vendor's row.
 *
 * @see docs/decisions/2026-11-22-vendor-profiles.md for where each field is documented
 */
export const PROFILES = {
  vllm: VLLM,
  openai: OPENAI,
  generic: GENERIC,
  azure: { ...OPENAI, userField: 'user', promptCacheKey: false, serviceTier: false, responses: false },
  deepseek: {
    ...GENERIC,
    ...REPLAYED,
    reasoningToggle: 'thinking-type',
    efforts: ['low', 'high', 'max'],
    vision: false,
    stopMax: 16,
  },
  glm: { ...GENERIC, ...REPLAYED, reasoningToggle: 'thinking-type', stopMax: 1 },
  groq: { ...GENERIC, maxTokensField: 'max_completion_tokens', userField: 'user' },
  kimi: { ...GENERIC, ...REPLAYED, toolIdFormat: 'kimi', stopMax: 5 },
  llamacpp: {
    ...VLLM,
    reasoningField: 'reasoning_content',
    tokenizePath: null,
    structuredMessages: false,
  },
  // Unknown fields are refused there, and usage comes with the finish unasked.
  mistral: { ...GENERIC, firstMustBeUser: true, toolIdFormat: 'mistral', streamUsage: false },
  openrouter: {
    ...GENERIC,
    reasoningField: 'reasoning',
    reasoningToggle: 'reasoning-effort',
    efforts: ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'],
    pdf: true,
    topK: true,
    userField: 'user',
  },
  qwen: { ...GENERIC, reasoningToggle: 'enable-thinking', topK: true },
  // Its reasoning models refuse `stop`.
  xai: { ...GENERIC, stopMax: 0 },
} as const satisfies Record<string, BackendProfile>;

export type ProfileName = keyof typeof PROFILES;
