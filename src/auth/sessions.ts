/**
 * Sessions that the gateway keeps for clients which sign in through its own pages. Tokens are opaque and kept hashed;
 * what a session's owner may have is looked up at each use.
 */
import type { Records } from '../store/records.ts';
import { digestOf } from './digest.ts';
import { mint, mintedPrefixOf } from './minted.ts';
import type { Owner } from './owners.ts';

export interface Session {
  readonly id: string;
  readonly owner: Owner;
  /** The session at the identity provider that it grew out of. */
  readonly sid: string | null;
  readonly user: string;
  readonly email: string | null;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endsAt: number;
}

export type NewSession = Pick<Session, 'owner' | 'sid' | 'user' | 'email'>;

export interface SessionTokens {
  readonly accessToken: string;
  /** Seconds. */
  readonly expiresIn: number;
  readonly refreshToken: string;
  readonly session: Session;
}

export interface Sessions {
  start(session: NewSession): Promise<SessionTokens>;
  /** The session of an access token, by the token's hash; asked of the store every time. */
  find(digest: string): Promise<Session | null>;
  /**
   * A new pair for a refresh token. A token that comes back later than a moment after its use was stolen by one of the
   * two who hold it, so the session ends (RFC 9700 §4.14.2).
   *
   * @param isWelcome asked before anything changes; a session whose owner is not welcome any more ends
   * @returns null when the token is not good, or is no longer
   */
  renew(
    refreshToken: string,
    isWelcome: (session: Session) => Promise<boolean>,
  ): Promise<SessionTokens | null>;
  /** Ends the session of an access or a refresh token. */
  end(token: string): Promise<void>;
}

export interface SessionsOptions {
  readonly records: Records;
  readonly random: (size: number) => Uint8Array;
  readonly randomText: () => string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Life of an access token, milliseconds. */
  readonly accessLife: number;
  /** Life of a session, however often it is renewed. Milliseconds. */
  readonly sessionLife: number;
}

/**
 * Milliseconds in which a used refresh token still gives a pair: two Claude Codes share one file of credentials and
 * renew at the same moment, and an answer can be lost.
 */
export const REUSE_GRACE = 30_000;

interface RefreshRecord {
  readonly session: string;
  readonly usedAt: number | null;
}

export function createSessions(options: SessionsOptions): Sessions {
  const { records, random, randomText, clock, accessLife, sessionLife } = options;
  const sessions = records.collection('sessions');
  const accessTokens = records.collection('access-tokens');
  const refreshTokens = records.collection('refresh-tokens');

  async function load(id: string | null): Promise<Session | null> {
    const value = id === null ? null : await sessions.get(id);
    return value === null ? null : (JSON.parse(value) as Session);
  }

  async function issue(session: Session): Promise<SessionTokens> {
    const left = Math.max(1, session.endsAt - clock());
    const life = Math.min(accessLife, left);
    const [accessToken, refreshToken] = [mint('lgwa', random), mint('lgwr', random)];
    const record: RefreshRecord = { session: session.id, usedAt: null };
    await accessTokens.put(digestOf(accessToken), session.id, { ttl: life });
    await refreshTokens.put(digestOf(refreshToken), JSON.stringify(record), { ttl: left });
    return { accessToken, refreshToken, expiresIn: Math.floor(life / 1000), session };
  }

  /** Notes the first use; of two that come at once one is first, and the other within its grace. */
  async function isFirstUse(
    key: string,
    value: string,
    record: RefreshRecord,
    ttl: number,
  ): Promise<boolean> {
    if (record.usedAt !== null) return clock() - record.usedAt <= REUSE_GRACE;
    const used: RefreshRecord = { ...record, usedAt: clock() };
    await refreshTokens.put(key, JSON.stringify(used), { ttl, expected: value });
    return true;
  }

  async function renew(token: string, isWelcome: (session: Session) => Promise<boolean>) {
    if (mintedPrefixOf(token) !== 'lgwr') return null;
    const key = digestOf(token);
    const value = await refreshTokens.get(key);
    if (value === null) return null;
    const record = JSON.parse(value) as RefreshRecord;
    const session = await load(record.session);
    if (session === null) return null;
    const welcome = await isWelcome(session);
    if (welcome && (await isFirstUse(key, value, record, Math.max(1, session.endsAt - clock()))))
      return issue(session);
    await sessions.delete(session.id);
    return null;
  }

  return {
    async start(wanted) {
      const startedAt = clock();
      const session: Session = { ...wanted, id: randomText(), startedAt, endsAt: startedAt + sessionLife };
      await sessions.put(session.id, JSON.stringify(session), { ttl: sessionLife });
      return issue(session);
    },

    find: async (digest) => load(await accessTokens.get(digest)),

    renew,

    async end(token) {
      const prefix = mintedPrefixOf(token);
      const key = digestOf(token);
      if (prefix === 'lgwa') {
        const id = await accessTokens.take(key);
        if (id !== null) await sessions.delete(id);
      }
      if (prefix === 'lgwr') {
        const value = await refreshTokens.take(key);
        if (value !== null) await sessions.delete((JSON.parse(value) as RefreshRecord).session);
      }
    },
  };
}
