import { readFileSync } from 'node:fs';
import { toScript, type Valkey } from '../store/valkey.ts';
import { RECORDS_KEPT, WINDOWS_KEPT } from './retention.ts';
import type { Claim, Entry, QuotaStore, RequestKey, Tally, Verdict } from './store.ts';
import type { Window, Windows } from './windows.ts';

/**
 * Counts in Valkey or Redis (6.2 or newer), exact over any number of replicas: each step is one script, run by the
 * server at its own time. All keys of a subject carry one hash tag, so a cluster keeps them in one slot.
 */
export function createValkeyStore(valkey: Valkey): QuotaStore {
  const scripts = readScripts();
  const { run } = valkey;

  async function settle(step: 'commit' | 'release', entry: Entry): Promise<readonly number[]> {
    const answer = await run(scripts[step], keysOf(entry.subject), [toEntryText(entry)]);
    return toIntegers(answer, entry.charges.length);
  }

  return {
    async reserve(claim: Claim) {
      const answer = await run(scripts.reserve, keysOf(claim.subject), [toClaimText(claim)]);
      return toVerdict(claim, toIntegers(answer, 2 + claim.holds.length * 5));
    },

    async renew({ subject, requestId }: RequestKey, lease) {
      return (await run(scripts.renew, keysOf(subject), [requestId, lease, RECORDS_KEPT])) === 1;
    },

    commit: (entry) => settle('commit', entry),
    release: (entry) => settle('release', entry),

    async peek(subject, counts) {
      const asked = counts.map(({ current, next }) => [current.id, current.endsAt, next.id]);
      const answer = await run(scripts.peek, keysOf(subject), [JSON.stringify(asked)]);
      const numbers = toIntegers(answer, counts.length * 4);
      return counts.map((windows, index) => toTally(windows, numbers.slice(index * 4)));
    },

    async grant({ subject, requestId, windows, extra }) {
      const counts = [toCount(windows.current), toCount(windows.next)];
      const text = JSON.stringify({ request: requestId, keep: RECORDS_KEPT, counts, extra });
      const [given = 0] = toIntegers([await run(scripts.grant, keysOf(subject), [text])], 1);
      return given;
    },

    ping: valkey.ping,
    onReconnect: valkey.onReconnect,
    close: valkey.close,
  };
}

function readScripts() {
  const common = readLua('common');
  const script = (step: string) => toScript(common, readLua(step));
  return {
    reserve: script('reserve'),
    renew: script('renew'),
    commit: script('commit'),
    release: script('release'),
    peek: script('peek'),
    grant: script('grant'),
  };
}

function readLua(name: string): string {
  return readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8');
}

function keysOf(subject: string): readonly string[] {
  const prefix = `quota:{${subject}}`;
  return [`${prefix}:facts`, `${prefix}:leases`, `${prefix}:ends`];
}

const toCount = ({ id, endsAt }: Window) => ({ id, ends: endsAt, forget: endsAt + WINDOWS_KEPT });

function toClaimText({ requestId, lease, concurrency, holds, turn }: Claim): string {
  return JSON.stringify({
    request: requestId,
    lease,
    keep: RECORDS_KEPT,
    concurrency,
    holds: holds.map(({ windows, limit, amount, needs, perTurn, overdraft }) => ({
      counts: [toCount(windows.current), toCount(windows.next)],
      limit,
      amount,
      needs,
      per_turn: perTurn,
      overdraft,
    })),
    turn:
      turn === null
        ? null
        : {
            session: turn.session,
            prompt: turn.prompt,
            requests: turn.most.requests,
            ms: turn.most.milliseconds,
            tokens: turn.most.tokens,
          },
  });
}

function toEntryText({ requestId, charges, session, tokens, running }: Entry): string {
  return JSON.stringify({
    request: requestId,
    charges: charges.map(({ window, amount }) => [window.id, amount]),
    forget: charges.map(({ window }) => window.endsAt + WINDOWS_KEPT),
    session,
    tokens,
    running,
    keep: RECORDS_KEPT,
  });
}

function toVerdict({ holds }: Claim, [admitted, by = -1, ...numbers]: readonly number[]): Verdict {
  const refusedBy = by === -1 ? null : by === -2 ? 'concurrency' : by;
  return {
    admitted: admitted === 1,
    refusedBy,
    tallies: holds.map(({ windows }, index) => toTally(windows, numbers.slice(index * 5))),
    amounts: holds.map((_, index) => numbers[index * 5 + 4] ?? 0),
  };
}

function toTally(windows: Windows, [which, used = 0, pending = 0, extra = 0]: readonly number[]): Tally {
  return { window: which === 0 ? windows.current : windows.next, used, pending, extra };
}

function toIntegers(answer: unknown, count: number): readonly number[] {
  if (Array.isArray(answer) && answer.length === count && answer.every(Number.isSafeInteger)) return answer;
  throw new Error(`the quota script answered with something other than ${count} integers`);
}
