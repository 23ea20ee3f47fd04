/** Sessions and people that were thrown out before their tokens end. */
import type { Collection } from '../store/records.ts';
import { digestOf, subjectOf } from './digest.ts';
import { createTokenCache } from './token-cache.ts';

/** What is known of who or what is thrown out; one of the two is there. */
export interface Denial {
  readonly issuer: string;
  readonly sub?: string | undefined;
  /** The session at the identity provider. Absent: all sessions of `sub` that began before. */
  readonly sid?: string | undefined;
  /** When it was said, milliseconds since the epoch. */
  readonly at: number;
}

/** What a token or a session says of itself. */
export interface Bearer {
  readonly issuer: string;
  readonly sub: string;
  readonly sid: string | null;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
}

export interface Denied {
  deny(denial: Denial): Promise<void>;
  /** All that somebody began before, by what their quota is counted by. Milliseconds since the epoch. */
  denyBefore(subject: string, at: number): Promise<void>;
  /** Never rejects: while the store is away what was known last counts. */
  isDenied(bearer: Bearer): Promise<boolean>;
}

export interface DeniedOptions {
  readonly denials: Collection;
  /** Milliseconds that a denial is kept: as long as anything lasts that it can end. */
  readonly keepFor: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Milliseconds after which every replica knows of a denial. */
export const DENIAL_KNOWN_WITHIN = 5000;
const CACHED = 10_000;

export function createDenied({ denials, keepFor, clock }: DeniedOptions): Denied {
  const cache = createTokenCache<number>({ capacity: CACHED, clock });

  /** When the session or the person was denied; 0: never. */
  async function deniedAt(key: string): Promise<number> {
    const seen = cache.get(key);
    if (seen !== null) return seen;
    const at = await denials.get(key).then(Number, () => 0);
    cache.set(key, at, clock() + DENIAL_KNOWN_WITHIN);
    return at;
  }

  async function keep(key: string, at: number): Promise<void> {
    await denials.put(key, String(at), { ttl: keepFor });
    cache.set(key, at, clock() + DENIAL_KNOWN_WITHIN);
  }

  return {
    deny: ({ issuer, sub, sid, at }) =>
      keep(sid === undefined ? personKey(issuer, sub ?? '') : sessionKey(issuer, sid), at),

    denyBefore: (subject, at) => keep(subjectKey(subject), at),

    async isDenied({ issuer, sub, sid, issuedAt }) {
      const [person, session] = await Promise.all([
        deniedAt(personKey(issuer, sub)),
        sid === null ? 0 : deniedAt(sessionKey(issuer, sid)),
      ]);
      return session > 0 || issuedAt <= person;
    },
  };
}

const subjectKey = (subject: string) => `sub:${subject}`;
const personKey = (issuer: string, sub: string) => subjectKey(subjectOf(issuer, sub));
const sessionKey = (issuer: string, sid: string) => `sid:${digestOf(`${issuer}\0${sid}`)}`;
