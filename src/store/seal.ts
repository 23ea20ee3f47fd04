/**
 * Seals texts that clients carry for the gateway, so that they can neither be read nor changed on the way, and any
 * replica can open them. The key is made once and kept with the other records.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { SEAL_MARK, type Seal } from '../protocol/responses/sealed-reasoning.ts';
import type { Collection } from './records.ts';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Name of the record. */
const KEY = 'key';

/**
 * Makes the seal. Until the store has answered once nothing is sealed and nothing opens: clients then go without
 * carried reasoning, which every backend can do without.
 */
export function createSeal(records: Collection): Seal {
  let key: Buffer | null = null;
  let pending: Promise<void> | null = null;

  /** Asked for again by the next request as long as the store does not answer. */
  const wantKey = (): Buffer | null => {
    if (key === null && pending === null) {
      pending = loadKey(records)
        .then((loaded) => {
          key = loaded;
        })
        .catch(() => undefined)
        .finally(() => {
          pending = null;
        });
    }
    return key;
  };
  wantKey();

  return {
    seal(text) {
      const known = wantKey();
      return known === null ? null : SEAL_MARK + encrypt(text, known).toString('base64url');
    },
    open(sealed) {
      const known = wantKey();
      if (known === null || !sealed.startsWith(SEAL_MARK)) return null;
      return decrypt(Buffer.from(sealed.slice(SEAL_MARK.length), 'base64url'), known);
    },
  };
}

/** Of several replicas that start at once, the first to write decides. */
async function loadKey(records: Collection): Promise<Buffer | null> {
  await records.put(KEY, randomBytes(KEY_BYTES).toString('base64'), { expected: null });
  const kept = await records.get(KEY);
  return kept === null ? null : Buffer.from(kept, 'base64');
}

function encrypt(text: string, key: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** `null` for what this key did not seal, or what was changed since. */
function decrypt(bytes: Buffer, key: Buffer): string | null {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}
