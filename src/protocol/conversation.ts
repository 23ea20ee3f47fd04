/**
 * A request between two dialects: the closed set of things a client can ask of a model. Each dialect has one
 * reader (its body to this) and one writer (this to its body), so a third dialect adds one of each.
 *
 * Only translated requests take this form; requests in the backend's own dialect are forwarded as bytes.
 */

/** Image data or its address. */
export type MediaSource =
  | { readonly kind: 'base64'; readonly mediaType: string; readonly data: string }
  | { readonly kind: 'url'; readonly url: string };

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

export interface ImagePart {
  readonly type: 'image';
  readonly source: MediaSource;
}

export interface DocumentPart {
  readonly type: 'document';
  readonly title: string | null;
  readonly context: string | null;
  readonly source: MediaSource | { readonly kind: 'text'; readonly text: string };
}

/** Whose reasoning it is: another backend or model must not be given it. */
export interface ReasoningOrigin {
  /** Key of `backends`. */
  readonly backend: string;
  /** Model as the backend knows it. */
  readonly model: string;
}

/** The model's reasoning from an earlier turn. */
export interface ReasoningPart {
  readonly type: 'reasoning';
  readonly text: string;
  /** The backend's signature over it; empty or `gw1.…` when it did not come from Claude. */
  readonly signature: string;
  /** Where that is known. */
  readonly origin?: ReasoningOrigin | undefined;
}

/** Encrypted reasoning that only Claude can read. */
export interface RedactedReasoningPart {
  readonly type: 'redacted-reasoning';
  readonly data: string;
  /** Where that is known. */
  readonly origin?: ReasoningOrigin | undefined;
}

export interface ToolCallPart {
  readonly type: 'tool-call';
  readonly id: string;
  readonly name: string;
  /** JSON text of the arguments as the client gave them, key order kept. */
  readonly arguments: string;
}

export interface ToolResultPart {
  readonly type: 'tool-result';
  readonly id: string;
  readonly isError: boolean;
  readonly content: readonly (TextPart | ImagePart | DocumentPart)[];
}

export type UserPart = TextPart | ImagePart | DocumentPart | ToolResultPart;
export type AssistantPart = TextPart | ReasoningPart | RedactedReasoningPart | ToolCallPart;

/** One message. Consecutive turns of one role are allowed; writers merge where the backend needs it. */
export type Turn =
  | { readonly role: 'user'; readonly parts: readonly UserPart[] }
  | { readonly role: 'assistant'; readonly parts: readonly AssistantPart[] }
  /** Instructions in the middle of the conversation. */
  | { readonly role: 'system'; readonly text: string };

/** A function the client will run. */
export interface Tool {
  readonly name: string;
  readonly description: string | null;
  /** JSON schema of the arguments. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly strict: boolean;
  /** The client declared it as taking free text; the schema then holds one string named `input` (O-13). */
  readonly custom?: boolean | undefined;
  /** The client declared it in a namespace, and hears of it by that and the name in it. */
  readonly namespaced?: { readonly namespace: string; readonly name: string } | undefined;
  /** The client's own search for further tools (Responses); its calls go back in a form of their own. */
  readonly search?: boolean | undefined;
}

export type ToolChoice =
  | { readonly kind: 'auto' }
  | { readonly kind: 'none' }
  /** Some tool must be called. */
  | { readonly kind: 'any' }
  | { readonly kind: 'tool'; readonly name: string };

export type Effort = 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max';

/** What the client said about reasoning. */
export type ReasoningRequest =
  /** Nothing said: off for Anthropic clients, the model's default for OpenAI clients. */
  | { readonly kind: 'default' }
  | { readonly kind: 'off' }
  /** Nothing said of how much, and the client leaves that to the model (Responses). */
  | { readonly kind: 'as-the-model-likes'; readonly shown: boolean }
  | {
      readonly kind: 'on';
      readonly effort: Effort | null;
      /** Token budget where the client named one. */
      readonly budget: number | null;
      /** Whether the reasoning text goes back to the client. */
      readonly shown: boolean;
    };

export type OutputFormat =
  | { readonly kind: 'text' }
  | { readonly kind: 'json-object' }
  | {
      readonly kind: 'json-schema';
      readonly name: string;
      readonly schema: Readonly<Record<string, unknown>>;
      readonly strict: boolean;
    };

export interface Conversation {
  readonly stream: boolean;
  /** Whether a streaming client asked for usage (`stream_options.include_usage`); Anthropic clients always do. */
  readonly streamUsage: boolean;
  /** Leading instructions, one entry per block or message, empty ones left out. */
  readonly system: readonly string[];
  readonly turns: readonly Turn[];
  readonly tools: readonly Tool[];
  /** `null`: nothing said. */
  readonly toolChoice: ToolChoice | null;
  /** `null`: nothing said. */
  readonly parallelTools: boolean | null;
  readonly maxTokens: number | null;
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly topK: number | null;
  readonly stop: readonly string[];
  readonly reasoning: ReasoningRequest;
  readonly format: OutputFormat;
  /** The client's name for its user, as sent; writers hash it. */
  readonly user: string | null;
  /** Names the session that the request is part of, as sent; writers hash it. */
  readonly session?: string | undefined;
  /** Which capacity may serve it: any that there is, or none but the common one. */
  readonly serviceTier?: 'auto' | 'standard' | undefined;
  /** The client marked parts of its prompt for caching; writers choose the places again (O-24). */
  readonly cachePrompt?: boolean | undefined;
  /** The client carries reasoning back sealed, so that the backend's signatures are needed (Responses). */
  readonly sealsReasoning?: boolean | undefined;
  /** Turns may be left out at its beginning where it is too long for the model (Responses). */
  readonly truncates?: boolean | undefined;
  /** What the reply repeats of its request (Responses). */
  readonly echo?: Readonly<Record<string, unknown>> | undefined;
  /** Names of things the reader left out because no other dialect has them, for the log (P11). */
  readonly dropped: readonly string[];
}

/** A translated request, ready to send, and what is needed to read its reply back. */
export interface WrittenRequest {
  /** The backend's body, deterministic for equal input (prefix caches depend on it). */
  readonly body: Readonly<Record<string, unknown>>;
  /** Tool names that had to be changed: name sent → name the client knows. */
  readonly toolNames: ReadonlyMap<string, string>;
  /** Everything lost on the way, reader's and writer's, for the log. */
  readonly dropped: readonly string[];
}
