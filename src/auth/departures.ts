/** Browsers that were sent to a realm to sign in and are expected back. */
import { GatewayError } from '../errors.ts';
import type { Collection } from '../store/records.ts';
import { digestOf } from './digest.ts';

/** What the realm is told of a browser that leaves. */
export interface Departure {
  readonly state: string;
  readonly codeChallenge: string;
}

/** A browser that is back. */
export interface Returned {
  /** What it left for, as was said then. */
  readonly purpose: string;
  readonly issuer: string;
  readonly codeVerifier: string;
}

export interface Departures {
  /**
   * @param browser the secret in the browser's cookie
   * @throws GatewayError `identity_unavailable` when too many are under way
   */
  leave(issuer: string, browser: string, purpose: string): Promise<Departure>;
  /** Each state works once, in the browser that left with it, within ten minutes; else null. */
  returned(state: string, browser: string): Promise<Returned | null>;
}

export interface DeparturesOptions {
  readonly collection: Collection;
  readonly random: (size: number) => Uint8Array;
  /** RFC 7636's S256. */
  readonly challengeOf: (codeVerifier: string) => string;
}

const LIFE_MS = 600_000;
/** Most browsers that are expected back at a time, on all replicas together. */
const MOST_AWAY = 10_000;

interface LeaveRecord extends Returned {
  readonly browser: string;
}

export function createDepartures({ collection, random, challengeOf }: DeparturesOptions): Departures {
  const secret = () => Buffer.from(random(32)).toString('base64url');
  return {
    async leave(issuer, browser, purpose) {
      const [state, codeVerifier] = [secret(), secret()];
      const record: LeaveRecord = { purpose, issuer, codeVerifier, browser: digestOf(browser) };
      const kept = { ttl: LIFE_MS, atMost: MOST_AWAY };
      if (!(await collection.put(digestOf(state), JSON.stringify(record), kept))) throw tooMany();
      return { state, codeChallenge: challengeOf(codeVerifier) };
    },

    async returned(state, browser) {
      const value = await collection.take(digestOf(state));
      const record = value === null ? null : (JSON.parse(value) as LeaveRecord);
      return record?.browser === digestOf(browser) ? record : null;
    },
  };
}

const tooMany = () =>
  new GatewayError(
    'identity_unavailable',
    'Too many sign-ins are under way; please try again in a few minutes.',
    { retryAfterSeconds: 60 },
  );
