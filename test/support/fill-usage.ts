/** A data folder with many users and a month of usage in it, as if a gateway had run there. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createSqliteUsage } from '../../src/usage/sqlite-usage.ts';

const DAY = 86_400_000;
const MODELS = [
  ['qwen3-32b', 'internal', 5],
  ['claude-haiku-5-5', 'claude', 3],
  ['claude-opus-5-5', 'claude', 2],
  ['gpt-5', 'openai', 1],
] as const;

export interface FillOptions {
  readonly dataDir: string;
  readonly users: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Someone who is to have usage too, by what their quota is counted by. */
  readonly also?: readonly { readonly subject: string; readonly user: string; readonly tier: string }[];
}

/** Days are those of UTC; numbers rise and fall by weekday, the same each time. */
export async function fillUsage({ dataDir, users, now, also = [] }: FillOptions): Promise<void> {
  const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);
  const file = join(dataDir, 'usage.db');
  await createSqliteUsage({ file, dayOf, exports: false }).close();
  const db = new DatabaseSync(file);
  const total = db.prepare('INSERT INTO totals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const see = db.prepare('INSERT OR REPLACE INTO users VALUES (?, ?, ?, ?)');
  const everyone = [
    ...also,
    ...Array.from({ length: users }, (_, index) => ({
      subject: index.toString(16).padStart(64, '0'),
      user: `user-${index}`,
      tier: index % 10 === 0 ? 'pro' : 'free',
    })),
  ];
  db.exec('BEGIN');
  for (const [index, { subject, user, tier }] of everyone.entries()) {
    see.run(subject, user, tier, now - index * 1000);
    for (let age = 0; age < 30; age++) {
      const at = now - age * DAY;
      const weekend = [0, 6].includes(new Date(at).getUTCDay()) ? 1 : 4;
      for (const [place, [model, backend, weight]] of MODELS.slice(0, index < 50 ? 4 : 1).entries()) {
        const requests = 1 + ((index * 7 + age * 13 + place * 5) % (weight * weekend));
        total.run(
          dayOf(at),
          subject,
          model,
          backend,
          requests,
          age % 3,
          0,
          requests * 9000,
          requests * 700,
          0,
          0,
        );
      }
    }
  }
  db.exec('COMMIT');
  db.close();
}
