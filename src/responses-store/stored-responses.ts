/** Responses that users asked to be kept: theirs alone, for a while, up to so many bytes each; the oldest make room. */
import { GatewayError } from '../errors.ts';
import { asList, asObject, asText, type JsonObject } from '../protocol/json.ts';
import type { Collection, Records } from '../store/records.ts';

/** A response as its user saw it, and the whole conversation that it ends. */
export interface StoredResponse {
  readonly response: { readonly id: string; readonly output?: unknown };
  readonly items: readonly unknown[];
}

/** @throws GatewayError `store_unavailable` from all of them, when the store does not answer */
export interface StoredResponses {
  /** `null` where the user has none of that id, or it has expired or made room. */
  get(subject: string, id: string): Promise<StoredResponse | null>;
  /** Items of the user's answers by their ids; those that are not kept are missing. */
  items(subject: string, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, JsonObject>>;
  /** Keeps nothing where one alone is larger than a user may have. */
  put(subject: string, stored: StoredResponse): Promise<void>;
  /** @returns false where there was none */
  delete(subject: string, id: string): Promise<boolean>;
}

export interface Bounds {
  readonly keepMs: number;
  readonly bytesPerUser: number;
}

/** One entry of a user's index: id, bytes, when it expires, ids of the answer's items. Oldest first. */
type Entry = readonly [id: string, bytes: number, expiresAt: number, items: readonly string[]];

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

  async function get(subject: string, id: string): Promise<StoredResponse | null> {
    const text = id === INDEX ? null : await ofUser(subject).get(id).catch(storeAway);
    return text === null ? null : (JSON.parse(text) as StoredResponse);
  }

  return {
    get,
    async items(subject, ids) {
      const index = readIndex(await ofUser(subject).get(INDEX).catch(storeAway));
      const found = new Map<string, JsonObject>();
      for (const [id, , , items] of index) {
        if (!items.some((item) => ids.has(item))) continue;
        for (const item of outputOf(await get(subject, id))) {
          const itemId = asText(item.id);
          if (ids.has(itemId)) found.set(itemId, item);
        }
      }
      return found;
    },
    async put(subject, stored) {
      const text = JSON.stringify(stored);
      const bytes = Buffer.byteLength(text);
      if (bytes > bytesPerUser) return;
      const mine = ofUser(subject);
      const { id } = stored.response;
      await mine.put(id, text, { ttl: keepMs }).catch(storeAway);
      const now = clock();
      const itemIds = outputOf(stored).map((item) => asText(item.id));
      const entry: Entry = [id, bytes, now + keepMs, itemIds];
      const dropped = await changeIndex(
        mine,
        keepMs,
        (index) => [...index.filter(([known, , expiresAt]) => known !== id && expiresAt > now), entry],
        bytesPerUser,
      ).catch(storeAway);
      for (const old of dropped ?? [id]) await mine.delete(old).catch(storeAway);
    },
    async delete(subject, id) {
      return id !== INDEX && (await ofUser(subject).delete(id).catch(storeAway));
    },
  };
}

const outputOf = (stored: StoredResponse | null): readonly JsonObject[] =>
  asList(stored?.response.output).map(asObject);

const readIndex = (text: string | null): readonly Entry[] =>
  text === null ? [] : (JSON.parse(text) as readonly Entry[]);

function storeAway(cause: unknown): never {
  throw new GatewayError(
    'store_unavailable',
    'Kept responses cannot be read or written now; please try again.',
    {
      cause,
    },
  );
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
    const wanted = change(readIndex(before));
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
