/** Keys that people make for their programs: shown once, kept hashed, ended at once on every replica. */
import { GatewayError } from '../errors.ts';
import type { Collection, Records } from '../store/records.ts';
import { digestOf, subjectOf } from './digest.ts';
import { mint } from './minted.ts';
import type { Owner } from './owners.ts';
import { createTokenCache } from './token-cache.ts';

/** A personal key spends its owner's quota; a service key, for CI, has a small one of its own. */
export type KeyKind = 'personal' | 'service';

/** A key as it is kept. Whose it is is known, what they may have is looked up each time. */
export interface HeldKey {
  readonly id: string;
  readonly kind: KeyKind;
  readonly name: string;
  readonly owner: Owner;
  readonly user: string;
  /** What its requests are counted by. */
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface ListedKey extends HeldKey {
  /** To the hour, milliseconds since the epoch; null: never. */
  readonly lastUsedAt: number | null;
}

export interface NewKey {
  readonly kind: KeyKind;
  readonly name: string;
  readonly owner: Owner;
  readonly user: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Most keys of this kind that the owner may have. */
  readonly atMost: number;
}

export interface PersonalKeys {
  /** @throws GatewayError `conflict` when the owner has as many as allowed */
  create(wanted: NewKey): Promise<{ readonly key: string; readonly held: HeldKey }>;
  /** The owner's keys, oldest first. */
  list(owner: Owner): Promise<readonly ListedKey[]>;
  /** @returns false where the owner has no such key */
  revoke(owner: Owner, id: string): Promise<boolean>;
  /**
   * Ends every key that somebody made.
   *
   * @param subject what the quota of whoever made them is counted by
   * @returns how many there were
   */
  revokeAll(subject: string): Promise<number>;
  /** The key with this hash; asked of the store every time, so that a revoked one is out at once. */
  find(digest: string): Promise<HeldKey | null>;
}

export interface PersonalKeysOptions {
  readonly records: Records;
  readonly random: (size: number) => Uint8Array;
  readonly randomText: () => string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const HOUR = 3_600_000;
const KINDS: readonly KeyKind[] = ['personal', 'service'];
const PREFIXES = { personal: 'lgwp', service: 'lgws' } as const;

/** What the owner's list says of a key: where it is kept, and what it is. */
interface Entry {
  readonly digest: string;
  readonly held: HeldKey;
}

export function createPersonalKeys({
  records,
  random,
  randomText,
  clock,
}: PersonalKeysOptions): PersonalKeys {
  const keys = records.collection('keys');
  const uses = records.collection('key-uses');
  const noted = createTokenCache<true>({ capacity: 10_000, clock });
  const entriesOf = (subject: string, kind: KeyKind): Collection =>
    records.collection(`${kind}-keys-of:${subject}`);

  async function listEntries(subject: string): Promise<readonly Entry[]> {
    const lists = await Promise.all(KINDS.map((kind) => entriesOf(subject, kind).list()));
    return lists.flat().map(({ value }) => JSON.parse(value) as Entry);
  }

  async function end(subject: string, { digest, held }: Entry): Promise<void> {
    await keys.delete(digest);
    await entriesOf(subject, held.kind).delete(held.id);
    await uses.delete(held.id);
  }

  /** Once an hour and key, in the background: nobody waits for it, and nothing depends on it. */
  function noteUse({ id, expiresAt }: HeldKey): void {
    if (noted.get(id) !== null) return;
    const now = clock();
    noted.set(id, true, now + HOUR);
    const hour = Math.floor(now / HOUR) * HOUR;
    uses.put(id, String(hour), { ttl: Math.max(1, expiresAt - now) }).catch(() => undefined);
  }

  return {
    async create({ kind, name, owner, user, expiresAt, atMost }) {
      const key = mint(PREFIXES[kind], random);
      const [id, digest, createdAt] = [randomText(), digestOf(key), clock()];
      const subject = kind === 'personal' ? subjectOf(owner.issuer, owner.sub) : subjectOf('service-key', id);
      const held: HeldKey = { id, kind, name, owner, user, subject, createdAt, expiresAt };
      const ttl = Math.max(1, expiresAt - createdAt);
      // Listed first: what a crash leaves behind is an entry that can be revoked, never a key that nobody sees.
      const entry: Entry = { digest, held };
      const isListed = await entriesOf(ownerKey(owner), kind).put(id, JSON.stringify(entry), { ttl, atMost });
      if (!isListed) throw tooMany(kind, atMost);
      await keys.put(digest, JSON.stringify(held), { ttl });
      return { key, held };
    },

    async list(owner) {
      const entries = await listEntries(ownerKey(owner));
      const listed = await Promise.all(
        entries.map(async ({ held }) => {
          const used = await uses.get(held.id);
          return { ...held, lastUsedAt: used === null ? null : Number(used) };
        }),
      );
      return listed.sort((one, other) => one.createdAt - other.createdAt);
    },

    async revoke(owner, id) {
      const entry = (await listEntries(ownerKey(owner))).find(({ held }) => held.id === id);
      if (entry === undefined) return false;
      await end(ownerKey(owner), entry);
      return true;
    },

    async revokeAll(subject) {
      const entries = await listEntries(subject);
      await Promise.all(entries.map((entry) => end(subject, entry)));
      return entries.length;
    },

    async find(digest) {
      const value = await keys.get(digest);
      if (value === null) return null;
      const held = JSON.parse(value) as HeldKey;
      noteUse(held);
      return held;
    },
  };
}

const ownerKey = ({ issuer, sub }: Owner) => subjectOf(issuer, sub);

function tooMany(kind: KeyKind, atMost: number): GatewayError {
  return new GatewayError(
    'conflict',
    atMost === 0
      ? `Your tier includes no ${kind} keys.`
      : `You have ${atMost} ${kind} keys, which is as many as you may have; revoke one first.`,
  );
}
