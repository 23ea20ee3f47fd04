/**
 * What one admission costs the gateway: CPU of this process for a reservation, its charge, and nothing else. Each store
 * holds as many users as the column says, each with an open count; the admissions go to users at random.
 *
 *     npm run bench:admission              some minutes
 *     npm run bench:admission -- --quick   shows that it runs
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createQuota } from '../src/quota/quota.ts';
import { createSqliteStore } from '../src/quota/sqlite-store.ts';
import type { QuotaStore } from '../src/quota/store.ts';
import { createValkeyStore } from '../src/quota/valkey-store.ts';
import { fitsModel } from '../src/routing/match-model.ts';
import { openValkey } from '../src/store/valkey.ts';
import type { Principal } from '../src/types.ts';
import { demandOf, termsOf } from '../test/quota/plain-terms.ts';
import { findValkey, startValkey } from '../test/support/valkey-server.ts';

const isQuick = process.argv.includes('--quick');
const USERS = isQuick ? [1, 1_000] : [1, 1_000, 100_000];
const ADMISSIONS = isQuick ? 500 : 5_000;
const ROUNDS = isQuick ? 1 : 3;
/** Requests under way at once, as a gateway under load has them. */
const AT_ONCE = 16;

const TERMS = {
  'one limit': termsOf({ limit: 1_000_000 }),
  'three limits': termsOf(
    {},
    {
      allowances: [
        termsOf({ limit: 1_000_000 }).allowances[0],
        termsOf({ name: 'weekly', window: 'week', limit: 5_000_000 }).allowances[0],
        termsOf({ name: 'opus', models: ['claude:opus', 'qwen*'], limit: 1_000_000 }).allowances[0],
      ],
    },
  ),
};

interface Opened {
  readonly store: QuotaStore;
  close(): Promise<void>;
}

const userOf = (index: number): Principal => ({
  subject: `${index}`.padStart(64, 'f'),
  user: `user-${index}`,
  tier: 'pro',
});

async function measure(name: string, open: () => Promise<Opened>): Promise<void> {
  for (const users of USERS) {
    const { store, close } = await open();
    const quota = createQuota({
      store,
      timeZone: 'Europe/Berlin',
      clock: Date.now,
      matches: fitsModel,
      onStoreFailure: () => 'deny',
    });
    let requests = 0;
    const admit = async (terms: keyof typeof TERMS, user: number) => {
      requests += 1;
      const reservation = await quota.reserve(userOf(user), TERMS[terms], demandOf(`req_${requests}`));
      await reservation.commit();
      await reservation.settle({ ending: 'completed', usage: null });
    };
    const admitMany = async (terms: keyof typeof TERMS, count: number, userAt: (index: number) => number) => {
      let next = 0;
      const worker = async () => {
        while (next < count) await admit(terms, userAt(next++));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    };
    await admitMany('one limit', Math.max(users, ADMISSIONS / 5), (index) => index % users);
    for (const terms of Object.keys(TERMS) as (keyof typeof TERMS)[]) {
      const samples: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const before = process.cpuUsage();
        await admitMany(terms, ADMISSIONS, () => Math.floor(Math.random() * users));
        const { user, system } = process.cpuUsage(before);
        samples.push((user + system) / ADMISSIONS);
      }
      const sorted = samples.toSorted((one, other) => one - other);
      const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
      const row = [
        name,
        users.toLocaleString('en-US'),
        terms,
        median.toFixed(0),
        (sorted[0] ?? 0).toFixed(0),
      ];
      console.log(`| ${row.join(' | ')} |`);
    }
    await quota.close();
    await close();
  }
}

console.log('| store | users | draws on | µs of CPU, median | least |\n| --- | --: | --- | --: | --: |');
const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-admission-'));
let files = 0;
await measure('SQLite', async () => {
  files += 1;
  const store = createSqliteStore({ file: join(folder, `${files}.db`), clock: Date.now });
  return { store, close: async () => undefined };
});
rmSync(folder, { recursive: true, force: true });

const program = findValkey();
if (program === null) console.log('Valkey was not measured: there is no server on this machine.');
else {
  await measure('Valkey', async () => {
    const server = await startValkey(program);
    const valkey = openValkey({ url: server.url, commandTimeout: 10_000 });
    await valkey.check();
    return { store: createValkeyStore(valkey), close: () => server[Symbol.asyncDispose]() };
  });
}
