/**
 * The domain words, defined once. No code lives here and nothing is imported.
 */

/** The wire formats spoken to clients: Messages, Chat Completions, Responses. */
export type Dialect = 'anthropic' | 'openai' | 'responses';

/** The wire formats that requests are translated into; Responses is only ever passed on to a backend. */
export type BackendFormat = Exclude<Dialect, 'responses'>;

/** Who calls: the owner of a verified credential. */
export interface Principal {
  /** Stable identity that quota is counted by: a hash of issuer and subject, never a name or an address. */
  readonly subject: string;
  /** A name for people (`GET /quota`, the console); never used to decide anything. */
  readonly user: string;
  /** Name of the tier, a key of the plan. */
  readonly tier: string;
  /** Names of the groups that the identity provider or the configuration puts them in; absent: none. */
  readonly groups?: readonly string[];
  /** At most so many requests a day, where that is less than the tier includes (service keys). */
  readonly requestsPerDay?: number | undefined;
}

/** What an allowance counts. A turn is one prompt of a person with everything that follows from it. */
export type QuotaUnit = 'request' | 'turn' | 'token';

/** Calendar windows in the configured time zone. */
export type QuotaWindow = 'minute' | 'day' | 'week' | 'month';

/** A limit per window. */
export interface Allowance {
  /** Short name shown in `RateLimit-Policy`, for example `daily`. */
  readonly name: string;
  readonly unit: QuotaUnit;
  /** Units per window; `null` is unlimited. */
  readonly limit: number | null;
  readonly window: QuotaWindow;
  /** Patterns of the served models that it counts, as in routes; `null` is every model. */
  readonly models: readonly string[] | null;
  /** The group that shares it; `null`: the caller's own. */
  readonly pool: Pool | null;
}

/** People who share allowances. */
export interface Pool {
  readonly name: string;
  /** Identity that its quota is counted by. */
  readonly subject: string;
}

/** What happens to a request beyond an allowance. */
export type AtExhaustion =
  | { readonly kind: 'deny' }
  /** A turn that is open may go on, this far beyond the limit. */
  | { readonly kind: 'finish-turn'; readonly overdraft: Readonly<Record<QuotaUnit, number>> }
  /** The request goes to this model, free of the allowance. */
  | { readonly kind: 'soft-land'; readonly to: RouteTarget };

/** What a caller may use and how it is counted. */
export interface Terms {
  /** The first is the main one, which short answers speak of. */
  readonly allowances: readonly [Allowance, ...Allowance[]];
  /** Most requests at once; `null` is any number. */
  readonly concurrency: number | null;
  readonly atExhaustion: AtExhaustion;
  /** How much a request counts, by the model that serves it: the first match decides, else 1. */
  readonly weights: readonly ModelWeight[];
  /** Beyond any of these a turn counts as a further one. */
  readonly turn: { readonly requests: number; readonly minutes: number; readonly tokens: number };
  /** Titles that coding agents have made for their sessions: counted, not counted, or so up to a number a day. */
  readonly titles: 'charge' | 'free' | 'capped';
}

export interface ModelWeight {
  readonly match: string;
  /** Whole number, 0 or more. */
  readonly counts: number;
}

/** One line of a tier's routing table. The first rule whose `match` fits the asked model decides. */
export interface RouteRule {
  /** A family (`claude`, `claude:haiku`, `gpt`, `any`) or a model name; `*` stands for any run of characters. */
  readonly match: string;
  /** Where it may go, in order of preference; targets whose backend is not configured are passed over. */
  readonly to: readonly RouteTarget[];
  /** Whose credential Claude is asked with: a caller's own Claude login, where one is sent beside the gateway's key. */
  readonly passthrough?: 'own-credential' | undefined;
}

/** A backend and the model to ask it for. */
export interface RouteTarget {
  /** A key of `backends`. */
  readonly backend: string;
  /** The model to ask for; absent: the model the client named, passed through. `default`: the backend's own. */
  readonly model?: string | undefined;
}

/** What a subscription includes. */
export interface Tier {
  readonly name: string;
  /** Higher wins when a user qualifies for several tiers. */
  readonly rank: number;
  readonly terms: Terms;
  readonly routes: readonly RouteRule[];
}

/** Where a principal stands in an allowance, as the store saw it. */
export interface Standing {
  readonly allowance: Allowance;
  readonly limit: number | null;
  /** Units charged in this window. */
  readonly used: number;
  /** Units reserved and not yet settled. */
  readonly pending: number;
  /** `limit - used - pending`, never below 0; `null` when unlimited. */
  readonly remaining: number | null;
  /** End of the window, milliseconds since the epoch. */
  readonly resetsAt: number;
}

/** Why the served model differs from the asked one, or that it does not. */
export type RouteReason =
  | 'as-requested'
  | 'tier-rule'
  /** A target before it names a backend that the configuration does not have. */
  | 'backend-not-configured'
  /** Every target before it failed, is left alone for a while, or has too long a line. */
  | 'backend-unavailable'
  /** The prompt was too long for the targets before it. */
  | 'context-overflow'
  /** The caller has used up an allowance, and the tier goes on with this model. */
  | 'quota-used-up';

/** One backend address that can serve a route. */
export interface Candidate {
  /** Key of `backends`. */
  readonly backend: string;
  /** Base address of one replica, without a trailing slash. */
  readonly url: string;
  /** Model name sent to that backend. */
  readonly model: string;
  /** As the rule says. */
  readonly passthrough?: RouteRule['passthrough'];
}

/** The decision for one request: what is served, why, and by whom, in order of preference. */
export interface Route {
  readonly requested: string;
  readonly served: string;
  readonly reason: RouteReason;
  readonly candidates: readonly [Candidate, ...Candidate[]];
}

/** Tokens counted for one answer. `inputTokens` excludes both cache figures. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** Part of `outputTokens` spent on reasoning, where the backend says so. */
  readonly reasoningTokens: number;
}

/** How a request ended. Every ending is one of these, and quota is settled by it alone. */
export type Outcome =
  /** The whole answer was delivered. */
  | { readonly ending: 'completed'; readonly usage: Usage | null }
  /** The client went away; `contentSent` tells whether the backend had begun to answer. */
  | { readonly ending: 'client-left'; readonly contentSent: boolean; readonly usage: Usage | null }
  /** The backend failed before or during its answer. */
  | { readonly ending: 'backend-failed'; readonly usage: Usage | null }
  /** The gateway refused the request before any backend was called. */
  | { readonly ending: 'refused' };
