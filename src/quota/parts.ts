/** The draws of one request, parted by whose counts they are: each part is one step of a store. PURE. */
import type { Principal, Terms, Usage } from '../types.ts';
import { countedTokens, type Demand, type Draw, finalAmount } from './draws.ts';
import type { Charge, Claim, Entry, Tally, TurnClaim } from './store.ts';

const MINUTE = 60_000;

export interface Part {
  readonly subject: string;
  readonly draws: readonly Draw[];
  readonly claim: Omit<Claim, 'lease'>;
}

/** The caller's own part first; then that of each pool, whose keys are in another slot. */
export function toParts(
  principal: Principal,
  terms: Terms,
  demand: Demand,
  draws: readonly Draw[],
): readonly Part[] {
  const subjects = new Set(draws.map(({ subject }) => subject));
  if (terms.concurrency !== null) subjects.add(principal.subject);
  const own = subjects.delete(principal.subject) ? [principal.subject] : [];
  return [...own, ...subjects].map((subject) => {
    const its = draws.filter((draw) => draw.subject === subject);
    const isOwn = subject === principal.subject;
    const claim = {
      subject,
      requestId: demand.requestId,
      holds: its.map(({ hold }) => hold),
      turn: toTurnClaim(terms, demand, its, isOwn ? '' : `${principal.subject}/`),
      concurrency: isOwn ? terms.concurrency : null,
    };
    return { subject, draws: its, claim };
  });
}

function toTurnClaim(
  { turn: most }: Terms,
  { turn }: Demand,
  draws: readonly Draw[],
  prefix: string,
): TurnClaim | null {
  const matters = draws.some(({ hold }) => hold.perTurn || hold.overdraft > 0);
  if (!matters) return null;
  const { session, prompt } = turn();
  return {
    session: prefix + session,
    prompt,
    most: { requests: most.requests, milliseconds: most.minutes * MINUTE, tokens: most.tokens },
  };
}

/** Whether admission has to ask: without any limit it has not. */
export function needsStore({ draws, claim }: Part): boolean {
  return claim.concurrency !== null || draws.some(({ hold }) => hold.limit !== null || hold.perTurn);
}

/** Whether the end of an answer tells what its beginning did not, or ends something that counts. */
export function endsLater({ draws, claim }: Part): boolean {
  const estimated = draws.some(({ allowance }) => allowance.unit === 'token');
  return estimated || claim.turn !== null || claim.concurrency !== null;
}

/** As it is charged when the answer begins. */
export function toEntry({ subject, claim }: Part, charges: readonly Charge[]): Entry {
  const { requestId, turn, concurrency } = claim;
  const session = turn?.session ?? null;
  return { subject, requestId, charges, session, tokens: 0, running: concurrency !== null };
}

/** What is taken where a store has not been asked. */
export function toUnaskedTallies({ draws }: Part, now: number): readonly Tally[] {
  return draws.map(({ hold: { windows } }) => {
    const window = now < windows.current.endsAt ? windows.current : windows.next;
    return { window, used: 0, pending: 0, extra: 0 };
  });
}

/** As it is charged when the answer has ended. */
export function toFinalEntry({ draws }: Part, entry: Entry, usage: Usage | null): Entry {
  const charges = entry.charges.map((charge, index) => {
    const draw = draws[index];
    return draw === undefined ? charge : { ...charge, amount: finalAmount(draw, charge.amount, usage) };
  });
  return { ...entry, charges, tokens: usage === null ? 0 : countedTokens(usage), running: false };
}
