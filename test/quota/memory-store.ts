/** The rules of a quota store in their plainest form: what the real ones are compared with, and a fake for the rest. */
import type {
  Charge,
  Claim,
  Entry,
  Grant,
  QuotaStore,
  RequestKey,
  Tally,
  Verdict,
} from '../../src/quota/store.ts';
import type { Window, Windows } from '../../src/quota/windows.ts';

interface Kept {
  readonly subject: string;
  readonly state: 'held' | 'charged' | 'released';
  readonly charges: readonly Charge[];
  /** End of the lease; 0 where nothing is leased. */
  readonly lease: number;
  readonly tokens: number;
}

interface Turn {
  readonly opener: string;
  readonly prompt: string | null;
  readonly opened: number;
  readonly requests: number;
  readonly tokens: number;
}

export interface MemoryStore extends QuotaStore {
  /** Makes every step reject from now on, or answer again. */
  breakDown(reason: Error | null): void;
  /** Makes every step wait for the promise before it does anything. */
  holdUp(until: Promise<unknown>): void;
  /** Steps that were tried, in order, for example `reserve r1`. */
  readonly tried: readonly string[];
}

export function createMemoryStore(clock: () => number): MemoryStore {
  const requests = new Map<string, Kept>();
  const given = new Map<string, number>();
  const turns = new Map<string, Turn>();
  const tried: string[] = [];
  let broken: Error | null = null;
  let before: Promise<unknown> = Promise.resolve();

  const keyOf = ({ subject, requestId }: RequestKey) => `${subject} ${requestId}`;

  function find(key: string): Kept | null {
    const kept = requests.get(key);
    return kept === undefined || (kept.state === 'held' && kept.lease <= clock()) ? null : kept;
  }

  function sum(subject: string, window: Window, state: Kept['state']): number {
    return [...requests.values()]
      .filter((kept) => kept.subject === subject && kept.state === state)
      .filter((kept) => state !== 'held' || kept.lease > clock())
      .flatMap((kept) => kept.charges)
      .filter((charge) => charge.window.id === window.id)
      .reduce((total, { amount }) => total + amount, 0);
  }

  function tally(subject: string, window: Window): Tally {
    const extra = given.get(`${subject} ${window.id}`) ?? 0;
    return { window, used: sum(subject, window, 'charged'), pending: sum(subject, window, 'held'), extra };
  }

  function openTurn({ subject, turn }: Claim): Turn | null {
    const open = turn === null ? undefined : turns.get(`${subject} ${turn.session}`);
    if (turn === null || open === undefined) return null;
    const opener = find(`${subject} ${open.opener}`);
    if (opener === null || opener.state === 'released') return null;
    const full =
      open.requests >= turn.most.requests ||
      clock() - open.opened >= turn.most.milliseconds ||
      open.tokens >= turn.most.tokens;
    return full || (turn.prompt !== null && turn.prompt !== open.prompt) ? null : open;
  }

  function again({ subject, holds }: Claim, kept: Kept): Verdict {
    const chargeIn = ({ id }: Window) => kept.charges.find(({ window }) => window.id === id);
    const found = holds.map(({ windows: { current, next } }) => {
      const window = [current, next].find((one) => chargeIn(one)) ?? windowAt({ current, next }, clock());
      return { window, amount: chargeIn(window)?.amount ?? 0 };
    });
    return {
      admitted: true,
      refusedBy: null,
      tallies: found.map(({ window }) => tally(subject, window)),
      amounts: found.map(({ amount }) => amount),
    };
  }

  function reserve(claim: Claim): Verdict {
    const { subject, requestId, holds, turn, concurrency, lease } = claim;
    const kept = find(keyOf(claim));
    if (kept !== null && kept.state !== 'released') return again(claim, kept);
    const open = openTurn(claim);
    const charges = holds.map(({ windows, amount, perTurn }) => ({
      window: windowAt(windows, clock()),
      amount: perTurn && open !== null ? 0 : amount,
    }));
    const tallies = () => charges.map(({ window }) => tally(subject, window));
    const amounts = charges.map(({ amount }) => amount);
    const refuse = (refusedBy: Verdict['refusedBy']) => ({
      admitted: false,
      refusedBy,
      tallies: tallies(),
      amounts,
    });
    const running = [...requests.values()].filter((one) => one.subject === subject && one.lease > clock());
    if (concurrency !== null && running.length >= concurrency) return refuse('concurrency');
    for (const [index, { used, pending, extra }] of tallies().entries()) {
      const hold = holds[index];
      if (hold === undefined || hold.limit === null || amounts[index] === 0) continue;
      const limit = hold.limit + extra + (open === null ? 0 : hold.overdraft);
      if (used + pending + hold.needs > limit) return refuse(index);
    }
    requests.set(keyOf(claim), { subject, state: 'held', charges, lease: clock() + lease, tokens: 0 });
    if (turn !== null) {
      const opened = { opener: requestId, prompt: turn.prompt, opened: clock(), requests: 1, tokens: 0 };
      const next = open === null ? opened : { ...open, requests: open.requests + 1 };
      turns.set(`${subject} ${turn.session}`, next);
    }
    return { admitted: true, refusedBy: null, tallies: tallies(), amounts };
  }

  function commit(entry: Entry): readonly number[] {
    const { subject, charges, session, tokens, running } = entry;
    const kept = find(keyOf(entry));
    if (kept?.state !== 'released') {
      const lease = running ? (kept?.lease ?? 0) : 0;
      requests.set(keyOf(entry), { subject, state: 'charged', charges, lease, tokens });
      const name = `${subject} ${session}`;
      const turn = turns.get(name);
      if (turn !== undefined)
        turns.set(name, { ...turn, tokens: turn.tokens + tokens - (kept?.tokens ?? 0) });
    }
    return charges.map(({ window }) => tally(subject, window).used);
  }

  function release(entry: Entry): readonly number[] {
    const { subject, charges } = entry;
    requests.set(keyOf(entry), { subject, state: 'released', charges: [], lease: 0, tokens: 0 });
    return charges.map(({ window }) => tally(subject, window).used);
  }

  function renew(key: RequestKey, lease: number): boolean {
    const kept = find(keyOf(key));
    if (kept === null || kept.lease <= clock()) return false;
    requests.set(keyOf(key), { ...kept, lease: clock() + lease });
    return true;
  }

  function grant(wanted: Grant): number {
    const { subject, windows, extra } = wanted;
    const window = windowAt(windows, clock());
    const before = tally(subject, window).extra;
    if (find(keyOf(wanted)) !== null) return before;
    requests.set(keyOf(wanted), { subject, state: 'charged', charges: [], lease: 0, tokens: 0 });
    given.set(`${subject} ${window.id}`, Math.max(0, before + extra));
    return tally(subject, window).extra;
  }

  async function step<T>(name: string, run: () => T): Promise<T> {
    tried.push(name);
    await before;
    if (broken !== null) throw broken;
    return run();
  }

  return {
    tried,
    breakDown(reason) {
      broken = reason;
    },
    holdUp(until) {
      before = until;
    },
    reserve: (claim) => step(`reserve ${claim.requestId}`, () => reserve(claim)),
    renew: (key, lease) => step(`renew ${key.requestId}`, () => renew(key, lease)),
    commit: (entry) => step(`commit ${entry.requestId}`, () => commit(entry)),
    release: (entry) => step(`release ${entry.requestId}`, () => release(entry)),
    grant: (wanted) => step(`grant ${wanted.requestId}`, () => grant(wanted)),
    peek: (subject, counts) =>
      step('peek', () => counts.map((windows) => tally(subject, windowAt(windows, clock())))),
    ping: () => step('ping', () => undefined),
    close: async () => undefined,
  };
}

function windowAt(windows: Windows, now: number): Window {
  return now < windows.current.endsAt ? windows.current : windows.next;
}
