import type { QuotaStore } from '../../src/quota/store.ts';
import { createValkeyStore } from '../../src/quota/valkey-store.ts';
import { openValkey, type Valkey, type ValkeyOptions } from '../../src/store/valkey.ts';

export type OpenedValkeyStore = QuotaStore & Pick<Valkey, 'check'>;

/** A quota store with a connection of its own. */
export function openValkeyStore(options: ValkeyOptions): OpenedValkeyStore {
  const valkey = openValkey(options);
  return { ...createValkeyStore(valkey), check: valkey.check };
}
