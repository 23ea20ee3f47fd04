import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestOf, subjectOf } from './digest.ts';
import { mint, mintedPrefixOf } from './minted.ts';

/** A static key as it is kept: its hash, never the key. */
export interface KeyEntry {
  /** {@link hashKey} of the whole key. */
  readonly hash: string;
  readonly user: string;
  readonly tier: string;
}

/** Whose key it is. */
export interface KeyOwner {
  readonly subject: string;
  readonly user: string;
  readonly tier: string;
}

export interface Keyring {
  /** The owner of the key with this hash; one Map lookup, whatever shape the key has. */
  find(hash: string): KeyOwner | null;
  readonly size: number;
}

/** SHA-256 of the whole key in hex: fast on purpose, since a key holds 256 random bits that no one can guess. */
export function hashKey(key: string): string {
  return digestOf(key);
}

/**
 * Prepares the static keys for lookup. A user's keys share one quota: the subject is made of the user's name alone.
 *
 * @throws TypeError when one key is given to two users or in two tiers
 */
export function createKeyring(entries: readonly KeyEntry[]): Keyring {
  const owners = new Map<string, KeyOwner>();
  for (const { hash, user, tier } of entries) {
    const earlier = owners.get(hash);
    if (earlier !== undefined && (earlier.user !== user || earlier.tier !== tier)) {
      throw new TypeError(
        `one static key belongs to both "${earlier.user}" (${earlier.tier}) and "${user}" (${tier}); a key has one owner`,
      );
    }
    owners.set(hash, { subject: subjectOf('static', user), user, tier });
  }
  return {
    find: (hash) => owners.get(hash) ?? null,
    get size() {
      return owners.size;
    },
  };
}

/** Makes a demo key; see {@link mint}. */
export function mintKey(random: (size: number) => Uint8Array): string {
  return mint('lgw', random);
}

/** Whether a text has the shape and the checksum of a key that {@link mintKey} made. */
export function isMintedKey(text: string): boolean {
  return mintedPrefixOf(text) === 'lgw';
}

/** What {@link loadOrCreateDemoKeys} needs of the machine. */
export interface DemoKeyIo {
  readonly mkdir: typeof mkdir;
  readonly readFile: typeof readFile;
  readonly open: typeof open;
  readonly link: typeof link;
  readonly rename: typeof rename;
  readonly rm: typeof rm;
  readonly randomBytes: (size: number) => Uint8Array;
}

/** The real machine. */
export const nodeDemoKeyIo: DemoKeyIo = { mkdir, readFile, open, link, rename, rm, randomBytes };

export interface DemoKeys {
  readonly entries: readonly KeyEntry[];
  /** The keys themselves, at the first start only: nothing on disk can bring them back. */
  readonly minted: readonly { readonly user: string; readonly tier: string; readonly key: string }[];
}

/**
 * At the first start makes one key per tier, for the users `demo-<tier>`, and stores their hashes in
 * `<dataDir>/static-keys.json`; later starts read that file.
 *
 * @param dataDir made with mode 0700 where it is missing
 * @param tiers names of the plan's tiers; stored entries of tiers that the plan no longer has are left out
 * @throws Error naming the file when it cannot be read, understood or written
 */
export async function loadOrCreateDemoKeys(
  dataDir: string,
  tiers: readonly string[],
  io: DemoKeyIo = nodeDemoKeyIo,
): Promise<DemoKeys> {
  const path = join(dataDir, 'static-keys.json');
  const stored = await readEntries(path, io);
  if (stored !== null) return { entries: stored.filter((entry) => tiers.includes(entry.tier)), minted: [] };

  const minted = tiers.map((tier) => ({ user: `demo-${tier}`, tier, key: mintKey(io.randomBytes) }));
  const entries = minted.map(({ user, tier, key }) => ({ hash: hashKey(key), user, tier }));
  if (await writeOnce(path, `${JSON.stringify({ keys: entries }, null, 2)}\n`, io))
    return { entries, minted };
  // Another process started at the same moment and was first; its keys are the ones that count.
  return loadOrCreateDemoKeys(dataDir, tiers, io);
}

async function readEntries(path: string, io: DemoKeyIo): Promise<readonly KeyEntry[] | null> {
  let text: string;
  try {
    text = await io.readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new Error(`the static keys in "${path}" cannot be read`, { cause: error });
  }
  const entries = toEntries(text);
  if (entries === null) {
    throw new Error(`"${path}" does not hold static keys; put it right, or delete it to have new keys made`);
  }
  return entries;
}

function toEntries(text: string): readonly KeyEntry[] | null {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    return Array.isArray(keys) && keys.every(isKeyEntry) ? keys : null;
  } catch {
    return null;
  }
}

function isKeyEntry(value: unknown): value is KeyEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { hash, user, tier } = value as Readonly<Record<string, unknown>>;
  return (
    typeof hash === 'string' &&
    /^[0-9a-f]{64}$/.test(hash) &&
    typeof user === 'string' &&
    user !== '' &&
    typeof tier === 'string'
  );
}

/** Writes the whole file or nothing, and never over another; `false` when there is one already. */
async function writeOnce(path: string, text: string, io: DemoKeyIo): Promise<boolean> {
  const draft = `${path}.${Buffer.from(io.randomBytes(6)).toString('hex')}.tmp`;
  try {
    await io.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await io.open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    return await publish(draft, path, io);
  } catch (error) {
    throw new Error(`the static keys cannot be written to "${path}"`, { cause: error });
  } finally {
    await io.rm(draft, { force: true }).catch(() => undefined);
  }
}

async function publish(draft: string, path: string, io: DemoKeyIo): Promise<boolean> {
  try {
    await io.link(draft, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // SMB volumes (Azure Files in Kubernetes) know no hard links; a rename is still all or nothing.
    await io.rename(draft, path);
  }
  return true;
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
