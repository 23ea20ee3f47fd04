/**
 * The device grant (RFC 8628) with a browser sign-in at the realm in its middle: a client shows a code, its owner types
 * or confirms it on a page, signs in at the realm, and lets the client in. All state is in the store, so each step may
 * meet another replica.
 */
import type { Records } from '../store/records.ts';
import { createDepartures, type Returned as Departed, type Departure } from './departures.ts';
import { digestOf } from './digest.ts';
import type { NewSession } from './sessions.ts';

export interface DeviceCodes {
  readonly deviceCode: string;
  readonly userCode: string;
  /** Seconds. */
  readonly expiresIn: number;
  readonly interval: number;
}

export type Poll =
  | { readonly kind: 'pending' | 'too-fast' | 'denied' | 'expired' }
  | { readonly kind: 'approved'; readonly grant: NewSession };

/** Someone who has signed in at the realm and has not yet said yes. */
export interface Candidate {
  readonly userCode: string;
  readonly grant: NewSession;
}

export interface DeviceSignIn {
  /** @returns null when too many sign-ins are under way */
  begin(): Promise<DeviceCodes | null>;
  /** What the waiting client is told. An approval is handed out once. */
  poll(deviceCode: string): Promise<Poll>;
  /** Whether a client waits with this code; spelling as people type it. */
  isWaiting(userCode: string): Promise<boolean>;
  /** Sends a browser, known by a secret in its cookie, to the realm. */
  leave(userCode: string, browser: string, issuer: string): Promise<Departure>;
  /** The browser is back; each state works once, and in the browser that left with it. */
  returned(state: string, browser: string): Promise<Returned | null>;
  /** Keeps who has signed in until they answer; gives the ticket that their answer must bring. */
  propose(candidate: Candidate, browser: string): Promise<string>;
  /** @returns the user code, null when the ticket is not good or the client does not wait any more */
  decide(ticket: string, browser: string, decision: 'approve' | 'deny'): Promise<string | null>;
}

export interface Returned extends Omit<Departed, 'purpose'> {
  readonly userCode: string;
}

export interface DeviceSignInOptions {
  readonly records: Records;
  readonly random: (size: number) => Uint8Array;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** RFC 7636's S256. */
  readonly challengeOf: (codeVerifier: string) => string;
}

const LIFE_MS = 600_000;
const INTERVAL_S = 5;
/** A poll may come so much too early: clocks and timers differ. Milliseconds. */
const EARLY_MS = 1000;
/** Most sign-ins that wait at a time, on all replicas together. */
const MOST_WAITING = 10_000;
/** No vowels, so that no words come out, and none of the letters that look like others (RFC 8628 §6.1). */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';
/** 20^8 codes: 34 bits. */
const LETTERS_IN_CODE = 8;

type Waiting = {
  readonly status: 'pending' | 'denied' | 'approved';
  readonly endsAt: number;
  readonly interval: number;
  readonly polledAt: number;
  readonly grant?: NewSession;
};
interface TicketRecord extends Candidate {
  readonly browser: string;
}

export function createDeviceSignIn({
  records,
  random,
  clock,
  challengeOf,
}: DeviceSignInOptions): DeviceSignIn {
  const devices = records.collection('device-codes');
  const userCodes = records.collection('user-codes');
  const collection = records.collection('browser-sign-ins');
  const departures = createDepartures({ collection, random, challengeOf });
  const tickets = records.collection('sign-in-tickets');
  const secret = () => Buffer.from(random(32)).toString('base64url');

  /** Changes a waiting sign-in; a poll that came between is not lost and not overwritten. */
  async function change(key: string, next: (now: Waiting) => Waiting | null): Promise<Waiting | null> {
    for (let tries = 0; tries < 10; tries += 1) {
      const value = await devices.get(key);
      if (value === null) return null;
      const changed = next(JSON.parse(value) as Waiting);
      if (changed === null) return null;
      const ttl = Math.max(1, changed.endsAt - clock());
      if (await devices.put(key, JSON.stringify(changed), { ttl, expected: value })) return changed;
    }
    return null;
  }

  async function newUserCode(device: string): Promise<string> {
    for (;;) {
      const letters = lettersFrom(random);
      if (await userCodes.put(letters, device, { ttl: LIFE_MS, expected: null })) return spell(letters);
    }
  }

  return {
    async begin() {
      const deviceCode = secret();
      const key = digestOf(deviceCode);
      const now = clock();
      const waiting: Waiting = {
        status: 'pending',
        endsAt: now + LIFE_MS,
        interval: INTERVAL_S,
        polledAt: 0,
      };
      const kept = await devices.put(key, JSON.stringify(waiting), { ttl: LIFE_MS, atMost: MOST_WAITING });
      if (!kept) return null;
      const userCode = await newUserCode(key);
      return { deviceCode, userCode, expiresIn: LIFE_MS / 1000, interval: INTERVAL_S };
    },

    async poll(deviceCode) {
      const key = digestOf(deviceCode);
      const value = await devices.get(key);
      if (value === null) return { kind: 'expired' };
      const waiting = JSON.parse(value) as Waiting;
      if (waiting.status === 'pending') return pollPending(key, waiting);
      const taken = await devices.take(key);
      const { status, grant } = taken === null ? waiting : (JSON.parse(taken) as Waiting);
      if (taken === null) return { kind: 'expired' };
      return status === 'approved' && grant !== undefined ? { kind: 'approved', grant } : { kind: 'denied' };
    },

    isWaiting: async (userCode) => (await userCodes.get(lettersOf(userCode))) !== null,

    leave: (userCode, browser, issuer) => departures.leave(issuer, browser, userCode),

    async returned(state, browser) {
      const left = await departures.returned(state, browser);
      return left === null ? null : { ...left, userCode: left.purpose };
    },

    async propose(candidate, browser) {
      const ticket = secret();
      const record: TicketRecord = { ...candidate, browser: digestOf(browser) };
      await tickets.put(digestOf(ticket), JSON.stringify(record), { ttl: LIFE_MS });
      return ticket;
    },

    async decide(ticket, browser, decision) {
      const value = await tickets.take(digestOf(ticket));
      const record = value === null ? null : (JSON.parse(value) as TicketRecord);
      if (record === null || record.browser !== digestOf(browser)) return null;
      const { userCode, grant } = record;
      // Taken: a code is decided once.
      const key = await userCodes.take(lettersOf(userCode));
      const decided = key === null ? null : await change(key, (now) => decideOn(now, decision, grant));
      return decided === null ? null : userCode;
    },
  };

  async function pollPending(key: string, { polledAt, interval }: Waiting): Promise<Poll> {
    const now = clock();
    const isTooFast = polledAt > 0 && now - polledAt < interval * 1000 - EARLY_MS;
    // RFC 8628 §3.5: five seconds more from now on.
    const next = isTooFast ? interval + 5 : interval;
    await change(key, (waiting) =>
      waiting.status === 'pending' ? { ...waiting, polledAt: now, interval: next } : null,
    );
    return { kind: isTooFast ? 'too-fast' : 'pending' };
  }
}

function decideOn(now: Waiting, decision: 'approve' | 'deny', grant: NewSession): Waiting | null {
  if (now.status !== 'pending') return null;
  return decision === 'approve' ? { ...now, status: 'approved', grant } : { ...now, status: 'denied' };
}

function lettersFrom(random: (size: number) => Uint8Array): string {
  let letters = '';
  while (letters.length < LETTERS_IN_CODE) {
    // 240 is a multiple of 20: no letter is likelier than another.
    for (const byte of random(LETTERS_IN_CODE)) if (byte < 240) letters += LETTERS[byte % LETTERS.length];
  }
  return letters.slice(0, LETTERS_IN_CODE);
}

const spell = (letters: string) => `${letters.slice(0, 4)}-${letters.slice(4)}`;

/** As people type it: any case, with or without the dash. Too long a text cannot be a code. */
const lettersOf = (typed: string) =>
  typed
    .slice(0, 64)
    .toUpperCase()
    .replaceAll(/[^A-Z]/g, '');
