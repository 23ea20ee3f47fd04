/** Real records in a SQLite file of their own, with the test's clock. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Records } from '../../src/store/records.ts';
import { createSqliteRecords } from '../../src/store/sqlite-records.ts';

/** Opens them until the file of tests ends. */
export function openTestRecords(clock: () => number): Records {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-records-'));
  const records = createSqliteRecords({ file: join(folder, 'records.db'), clock });
  after(async () => {
    await records.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return records;
}
