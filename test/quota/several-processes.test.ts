import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createSqliteStore } from '../../src/quota/sqlite-store.ts';
import type { QuotaStore } from '../../src/quota/store.ts';
import { skipBecause } from '../support/skip.ts';
import { findValkey, startValkey } from '../support/valkey-server.ts';
import { openValkeyStore } from '../support/valkey-store.ts';
import { within } from '../support/within.ts';
import { peekOne } from './plain-request.ts';
import type { Opening, Order, Report } from './reserving-process.ts';

const HOUR = 3_600_000;
const PROCESSES = 4;
const subject = 'b'.repeat(64);
const windows = {
  current: { id: '2026-11-22', endsAt: Date.now() + HOUR },
  next: { id: '2026-11-23', endsAt: Date.now() + 25 * HOUR },
};
const order: Order = { name: 'r', subject, windows, count: 500, limit: 10, lease: 90_000, commit: false };

/** Where the processes meet, and a way to look at it from here. */
interface Meeting {
  /** File or address. */
  readonly place: string;
  readonly open: () => Promise<QuotaStore>;
}

async function startProcess(t: TestContext, place: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('./reserving-process.ts', import.meta.url)), [place]);
  t.after(() => child.kill('SIGKILL'));
  const [said] = await within(20_000, 'a process opening the store', once(child, 'message'));
  assert.equal(said, 'open');
  return child;
}

async function give(child: ChildProcess, given: Order): Promise<Report> {
  const report = once(child, 'message');
  child.send(given);
  const [answer] = await within(60_000, `the report of ${given.name}`, report);
  return answer as Report;
}

async function countsIn(meeting: Meeting): Promise<{ used: number; pending: number }> {
  const store = await meeting.open();
  const { used, pending } = await peekOne(store, subject, windows);
  await store.close();
  return { used, pending };
}

/** Looks until the counts are these: the leases of a process that is gone end by a clock of their own. */
async function becomes(meeting: Meeting, wanted: { used: number; pending: number }): Promise<void> {
  const store = await meeting.open();
  const matches = async () => {
    const { used, pending } = await peekOne(store, subject, windows);
    return used === wanted.used && pending === wanted.pending;
  };
  let stop = false;
  const looking = (async () => {
    while (!stop && !(await matches())) await new Promise((resolve) => setTimeout(resolve, 20));
  })();
  try {
    await within(10_000, `counts of ${JSON.stringify(wanted)}`, looking);
  } finally {
    stop = true;
    await store.close();
  }
}

/** How often the exact limit is tried; `npm run quota:exact` tries it 20 times. */
const ROUNDS = Number(process.env.QUOTA_ROUNDS ?? 2);

function severalProcesses(name: string, meet: (t: TestContext) => Promise<Meeting>): void {
  test(`${name}: of 500 requests at once in each of 4 processes exactly the limit is admitted`, async (t) => {
    const meeting = await meet(t);
    const children = await Promise.all(
      Array.from({ length: PROCESSES }, () => startProcess(t, meeting.place)),
    );
    const reports = await Promise.all(
      children.map((child, index) => give(child, { ...order, name: `p${index}` })),
    );
    const sum = (field: keyof Report) => reports.reduce((total, report) => total + report[field], 0);
    assert.deepEqual([sum('admitted'), sum('refused')], [10, 1_990]);
    assert.deepEqual(await countsIn(meeting), { used: 0, pending: 10 });
  });

  test(`${name}: of 1,000 requests at once over 4 processes exactly 100 are admitted, ${ROUNDS} times in a row`, async (t) => {
    const meeting = await meet(t);
    const children = await Promise.all(
      Array.from({ length: PROCESSES }, () => startProcess(t, meeting.place)),
    );
    for (let round = 0; round < ROUNDS; round++) {
      const given = { ...order, subject: `${round}`.padStart(64, 'c'), count: 250, limit: 100 };
      const reports = await Promise.all(
        children.map((child, index) => give(child, { ...given, name: `p${index}` })),
      );
      const admitted = reports.reduce((total, report) => total + report.admitted, 0);
      assert.equal(admitted, 100, `round ${round}`);
    }
  });

  test(`${name}: requests that end meanwhile make no room that they did not give back`, async (t) => {
    const meeting = await meet(t);
    const children = await Promise.all(
      Array.from({ length: PROCESSES }, () => startProcess(t, meeting.place)),
    );
    const changed = { ...order, count: 600, limit: 1_000, commit: true };
    const reports = await Promise.all(
      children.map((child, index) => give(child, { ...changed, name: `p${index}` })),
    );
    assert.equal(
      reports.reduce((total, { admitted }) => total + admitted, 0),
      1_000,
    );
    assert.deepEqual(await countsIn(meeting), { used: 1_000, pending: 0 });
  });

  test(`${name}: the same requests sent by every process are one request each`, async (t) => {
    const meeting = await meet(t);
    const children = await Promise.all(
      Array.from({ length: PROCESSES }, () => startProcess(t, meeting.place)),
    );
    await Promise.all(
      children.map((child) => give(child, { ...order, count: 40, limit: 100, commit: true })),
    );
    assert.deepEqual(await countsIn(meeting), { used: 40, pending: 0 });
  });

  test(`${name}: what a killed process held is free after the lease, what it used stays used`, async (t) => {
    const meeting = await meet(t);
    const holder = await startProcess(t, meeting.place);
    await give(holder, { ...order, name: 'done', count: 3, commit: true });
    assert.deepEqual(await give(holder, { ...order, name: 'held', count: 9, lease: 3_000 }), {
      admitted: 7,
      refused: 2,
    });
    assert.deepEqual(await countsIn(meeting), { used: 3, pending: 7 });
    const exit = once(holder, 'exit');
    holder.kill('SIGKILL');
    assert.deepEqual(await exit, [null, 'SIGKILL']);
    await becomes(meeting, { used: 3, pending: 0 });
    const next = await startProcess(t, meeting.place);
    assert.deepEqual(await give(next, { ...order, name: 'next', count: 9 }), { admitted: 7, refused: 2 });
  });
}

severalProcesses('sqlite', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-processes-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const place = join(folder, 'quota.sqlite');
  return { place, open: async () => createSqliteStore({ file: place, clock: Date.now }) };
});

test('sqlite: processes that make the file in the same moment all get it open', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-processes-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const first = join(folder, 'first.sqlite');
  const children = await Promise.all(Array.from({ length: PROCESSES }, () => startProcess(t, first)));
  for (let round = 0; round < 60; round++) {
    const opening: Opening = { file: join(folder, `${round}.sqlite`), at: Date.now() + 10 };
    const reports = await Promise.all(
      children.map(async (child) => {
        const report = once(child, 'message');
        child.send(opening);
        return (await within(20_000, 'a report', report))[0];
      }),
    );
    assert.deepEqual(reports, Array(PROCESSES).fill('opened'));
  }
});

const program = findValkey();
if (program === null) {
  test('several processes with one Valkey', {
    skip: skipBecause('no Valkey or Redis server: several processes with one'),
  });
} else {
  severalProcesses('valkey', async (t) => {
    const server = await startValkey(program);
    t.after(() => server[Symbol.asyncDispose]());
    return {
      place: server.url,
      open: async () => {
        const store = openValkeyStore({ url: server.url, commandTimeout: 5_000 });
        await store.check();
        return store;
      },
    };
  });
}
