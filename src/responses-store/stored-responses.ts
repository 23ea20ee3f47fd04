/** Responses that users asked to be kept: theirs alone, for a while, up to so many bytes each; the oldest make room. */
import type { Collection, Records } from '../store/records.ts';

/** A response as its user saw it, and the whole conversation that it ends. */
export interface StoredResponse {
  readonly response: { readonly id: string };
  readonly items: readonly unknown[];
}

export interface StoredResponses {
  /** `null` where the user has none of that id, or it has expired or made room. */
  get(subject: string, id: string): Promise<StoredResponse | null>;
  /** Keeps nothing where one alone is larger than a user may have. */
  put(subject: string, stored: StoredResponse): Promise<void>;
  /** @returns false where there was none */
  delete(subject: string, id: string): Promise<boolean>;
}

export interface Bounds {
  readonly keepMs: number;
  readonly bytesPerUser: number;
}

/** One entry of a user's index: id, bytes, when it expires. Oldest first. */
type Entry = readonly [id: string, bytes: number, expiresAt: number];

const INDEX = 'index';
/** Answers of one user that end at the same moment change the index in turn. */
const ATTEMPTS = 10;

/**
 * Makes the store.
 *
 * @param clock milliseconds since the epoch
 */
export function createStoredResponses(
  records: Records,
  bounds: Bounds,
  clock: () => number,
): StoredResponses {
  const { keepMs, bytesPerUser } = bounds;
  const ofUser = (subject: string) => records.collection(`responses:${subject}`);

  return {
    async get(subject, id) {
      const text = id === INDEX ? null : await ofUser(subject).get(id);
      return text === null ? null : (JSON.parse(text) as StoredResponse);
    },
    async put(subject, stored) {
      const text = JSON.stringify(stored);
      const bytes = Buffer.byteLength(text);
      if (bytes > bytesPerUser) return;
      const mine = ofUser(subject);
      const { id } = stored.response;
      await mine.put(id, text, { ttl: keepMs });
      const now = clock();
      const entry: Entry = [id, bytes, now + keepMs];
      const dropped = await changeIndex(
        mine,
        keepMs,
        (index) => [...index.filter(([known, , expiresAt]) => known !== id && expiresAt > now), entry],
        bytesPerUser,
      );
      for (const old of dropped ?? [id]) await mine.delete(old);
    },
    async delete(subject, id) {
      return id !== INDEX && (await ofUser(subject).delete(id));
    },
  };
}

/** @returns ids that made room; `null` when others changed the index every time */
async function changeIndex(
  mine: Collection,
  ttl: number,
  change: (index: readonly Entry[]) => readonly Entry[],
  bytesPerUser: number,
): Promise<readonly string[] | null> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = await mine.get(INDEX);
    const wanted = change(before === null ? [] : (JSON.parse(before) as readonly Entry[]));
    const kept = newest(wanted, bytesPerUser);
    if (await mine.put(INDEX, JSON.stringify(kept), { ttl, expected: before })) {
      return wanted.slice(0, wanted.length - kept.length).map(([id]) => id);
    }
  }
  return null;
}

/** As many of the last as there is room for. */
function newest(entries: readonly Entry[], room: number): readonly Entry[] {
  let used = 0;
  const from = entries.findLastIndex(([, bytes]) => {
    used += bytes;
    return used > room;
  });
  return entries.slice(from + 1);
}
