/** A person's way into the console: to the realm and back. */
import type { RealmAnswer } from './browser-sign-in.ts';
import type { Departures } from './departures.ts';
import type { Realm } from './realm.ts';
import type { Sessions, SessionTokens } from './sessions.ts';
import { toSession, type Vouch } from './vouch.ts';

export interface ConsoleSignIn {
  /**
   * Lets a browser leave for the realm.
   *
   * @param browser the secret in the browser's cookie
   * @param to what to show when it is back
   * @returns the realm's address
   */
  leave(realm: Realm, browser: string, to: string): Promise<string>;
  /** Takes the browser back, and gives it a session. */
  arrive(answer: RealmAnswer, browser: string): Promise<ConsoleArrival>;
}

export type ConsoleArrival =
  | { readonly kind: 'signed-in'; readonly tokens: SessionTokens; readonly to: string }
  /** Begun too long ago, in another browser, or answered already. */
  | { readonly kind: 'stale' }
  /** The realm did not vouch for anyone. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'no-subscription'; readonly user: string };

export interface ConsoleSignInOptions {
  readonly departures: Departures;
  readonly vouch: Vouch;
  readonly sessions: Pick<Sessions, 'start'>;
  readonly chooseTier: (claims: unknown) => string | null;
  /** Where the realm sends the browser back to. */
  readonly redirectUri: string;
}

export function createConsoleSignIn(options: ConsoleSignInOptions): ConsoleSignIn {
  const { departures, vouch, sessions, chooseTier, redirectUri } = options;
  return {
    async leave(realm, browser, to) {
      const departure = await departures.leave(realm.issuer, browser, to);
      return realm.signInUrl({ redirectUri, ...departure });
    },

    async arrive({ state, code }, browser) {
      const left = await departures.returned(state, browser);
      if (left === null) return { kind: 'stale' };
      const verified = await vouch(left.issuer, code, left.codeVerifier);
      if (verified === null) return { kind: 'refused' };
      if (chooseTier(verified.claims) === null) return { kind: 'no-subscription', user: verified.user };
      return { kind: 'signed-in', tokens: await sessions.start(toSession(verified)), to: left.purpose };
    },
  };
}
