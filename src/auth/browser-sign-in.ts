/** A person's way through the browser: from the code on their screen to the realm and back, to a yes or a no. */
import type { DeviceSignIn } from './device-sign-in.ts';
import type { Realm } from './realm.ts';
import { toSession, type Vouch } from './vouch.ts';

export interface BrowserSignIn {
  /**
   * Lets a browser leave for the realm.
   *
   * @param browser the secret in the browser's cookie
   * @returns the realm's address, null when no client waits with this code
   */
  leave(userCode: string, browser: string, realm: Realm): Promise<string | null>;
  /** Takes the browser back. */
  arrive(answer: RealmAnswer, browser: string): Promise<Arrival>;
  /** @returns the user code, null when there is nothing to decide any more */
  decide(ticket: string, browser: string, decision: 'approve' | 'deny'): Promise<string | null>;
}

/** What the realm's redirect brings. */
export interface RealmAnswer {
  readonly state: string;
  readonly code: string;
}

export type Arrival =
  | { readonly kind: 'proposed'; readonly ticket: string; readonly userCode: string; readonly user: string }
  /** Begun too long ago, in another browser, or answered already. */
  | { readonly kind: 'stale' }
  /** The realm did not vouch for anyone. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'no-subscription'; readonly user: string };

export interface BrowserSignInOptions {
  readonly vouch: Vouch;
  readonly devices: DeviceSignIn;
  readonly chooseTier: (claims: unknown) => string | null;
  /** Where the realm sends the browser back to. */
  readonly redirectUri: string;
}

export function createBrowserSignIn(options: BrowserSignInOptions): BrowserSignIn {
  const { devices, vouch, chooseTier, redirectUri } = options;
  return {
    async leave(userCode, browser, realm) {
      if (!(await devices.isWaiting(userCode))) return null;
      const { state, codeChallenge } = await devices.leave(userCode, browser, realm.issuer);
      return realm.signInUrl({ redirectUri, state, codeChallenge });
    },

    async arrive({ state, code }, browser) {
      const left = await devices.returned(state, browser);
      if (left === null) return { kind: 'stale' };
      const verified = await vouch(left.issuer, code, left.codeVerifier);
      if (verified === null) return { kind: 'refused' };
      const { user, claims } = verified;
      if (chooseTier(claims) === null) return { kind: 'no-subscription', user };
      const ticket = await devices.propose({ userCode: left.userCode, grant: toSession(verified) }, browser);
      return { kind: 'proposed', ticket, userCode: left.userCode, user };
    },

    decide: devices.decide,
  };
}
