/** What the console is made with, and what each of its pages is given. */
import type { Caller, Identify } from '../auth/authenticate.ts';
import type { ConsoleSignIn } from '../auth/console-sign-in.ts';
import type { Realm } from '../auth/realm.ts';
import type { Sessions } from '../auth/sessions.ts';
import type { ClientAddress } from '../http/client-address.ts';
import type { DependencyState } from '../http/health.ts';
import type { Html } from '../http/html.ts';
import type { KeysParts } from '../http/keys.ts';
import type { LiveRequests } from '../http/live-requests.ts';
import type { Scope } from '../http/request-scope.ts';
import type { Revoke, Standings } from '../http/standings.ts';
import type { Latencies } from '../observe/latencies.ts';
import type { Log } from '../observe/log.ts';
import type { Quota } from '../quota/quota.ts';
import type { Audit } from '../store/audit.ts';
import type { Principal, Terms, Tier } from '../types.ts';
import type { Models } from '../upstream/catalogue.ts';
import type { BackendFacts } from '../upstream/describe-backends.ts';
import type { TrafficFacts } from '../upstream/describe-traffic.ts';
import type { UsageStore } from '../usage/usage-store.ts';
import type { Words } from './words.ts';

export interface ConsoleParts {
  /** Where people reach the gateway; absent: as their browser says. */
  readonly publicUrl: string | undefined;
  /** Whose access tokens last as long as the session. */
  readonly sessions: Pick<Sessions, 'start' | 'end'>;
  readonly identify: Identify;
  /** Null where no realm can be asked. */
  readonly signIn: ConsoleSignIn | null;
  /** Where people can sign in. */
  readonly realms: readonly Realm[];
  /** Whether there are static keys to sign in with. */
  readonly takesKeys: boolean;
  /** Whether Claude Code can sign in natively. */
  readonly hasNativeSignIn: boolean;
  readonly clientAddress: ClientAddress;
  /** 43 letters that nobody can guess. */
  readonly secret: () => string;
  readonly tierOf: (principal: Principal) => Tier;
  readonly termsOf: (principal: Principal) => Terms;
  readonly quota: Pick<Quota, 'peek'>;
  /** IANA name of the zone that quota is counted in, and times are shown in. */
  readonly timeZone: string;
  readonly usage: Pick<UsageStore, 'totals' | 'recent' | 'users'>;
  /** The local day of an instant, `2026-11-22`. */
  readonly dayOf: (at: number) => string;
  readonly keys: KeysParts;
  /** Everything the backends are known to serve. */
  readonly allModels: () => Models | Promise<Models>;
  readonly tiers: ReadonlyMap<string, Tier>;
  readonly standings: Standings;
  readonly revoke: Revoke;
  readonly audit: Audit;
  readonly backends: () => Readonly<Record<string, BackendFacts & TrafficFacts>>;
  readonly dependencies: () => Readonly<Record<string, DependencyState>>;
  readonly latencies: Pick<Latencies, 'of'>;
  readonly live: Pick<LiveRequests, 'list'>;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Somebody who has signed in looks at a page. */
export interface Visit {
  readonly parts: ConsoleParts;
  readonly scope: Scope;
  readonly caller: Caller;
  readonly query: URLSearchParams;
  /** What the path names: a user's subject, a key's id; else empty. */
  readonly id: string;
  /** What forms of this visitor must carry. */
  readonly formToken: string;
  readonly words: Words;
}

/** What a page shows. */
export interface Shown {
  readonly title: string;
  readonly body: Html;
  readonly status?: number;
  /** Seconds after which an open page fetches itself again. */
  readonly refresh?: number;
}

export type ShowPage = (visit: Visit) => Promise<Shown> | Shown;

/** What an action comes to: another page to look at, or something to show at once. */
export type Done = { readonly goTo: string } | Shown;

export type Act = (visit: Visit, form: URLSearchParams) => Promise<Done>;
