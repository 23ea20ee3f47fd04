/** What a request draws on: from the caller's terms to the holds that a store decides. PURE. */
import type { Allowance, Principal, QuotaWindow, Terms, Usage } from '../types.ts';
import type { Hold } from './store.ts';
import type { Window, Windows } from './windows.ts';

/** A request, as far as quota needs to know it; what costs time to find out is asked for where it matters. */
export interface Demand {
  readonly requestId: string;
  /** The model that is to serve. */
  readonly model: string;
  /** The turn it belongs to: its session, and what tells its prompt from others; null prompt: it goes on with one. */
  readonly turn: () => { readonly session: string; readonly prompt: string | null };
  /** Whether it only asks for the title of a session. */
  readonly isTitle: () => boolean;
  /** Tokens it will use, estimated. */
  readonly tokens: () => number;
}

/** One allowance and what is asked of it. */
export interface Draw {
  /** Whose count it is: the caller's, or that of a pool. */
  readonly subject: string;
  readonly allowance: Allowance;
  readonly hold: Hold;
  /** What one unit counts, by the model that serves. */
  readonly weight: number;
}

export interface DrawRules {
  readonly windowsOf: (kind: QuotaWindow) => Windows;
  /** Whether a model's name fits a pattern of the plan. */
  readonly matches: (pattern: string, model: string) => boolean;
}

/** The draws of a request on every allowance that counts its model. */
export function toDraws(
  principal: Principal,
  terms: Terms,
  demand: Demand,
  { windowsOf, matches }: DrawRules,
): readonly Draw[] {
  const { model } = demand;
  const weight = terms.weights.find(({ match }) => matches(match, model))?.counts ?? 1;
  return terms.allowances
    .filter(({ models }) => models === null || models.some((pattern) => matches(pattern, model)))
    .map((allowance) => ({
      subject: subjectOf(principal, allowance),
      allowance,
      weight,
      hold: toHold(allowance, weight, demand, terms, windowsOf),
    }));
}

/** Whose count an allowance is. */
export function subjectOf(principal: Principal, { pool }: Allowance): string {
  return pool === null ? principal.subject : pool.subject;
}

function toHold(
  allowance: Allowance,
  weight: number,
  { tokens }: Demand,
  { atExhaustion }: Terms,
  windowsOf: DrawRules['windowsOf'],
): Hold {
  const { unit, limit, window } = allowance;
  const amount = unit === 'token' ? tokens() * weight : weight;
  return {
    windows: toCounts(allowance, windowsOf(window)),
    limit,
    amount,
    // What an answer will cost is not known, so it is admitted while anything is left.
    needs: unit === 'token' ? 1 : amount,
    perTurn: unit === 'turn',
    overdraft: atExhaustion.kind === 'finish-turn' ? atExhaustion.overdraft[unit] : 0,
  };
}

/**
 * The counts that an allowance keeps. They follow the subject and not the tier: tiers that count the same thing in the
 * same window share a count, so whoever changes tier takes along what was used. Plain requests have the window's id.
 */
export function toCounts(allowance: Allowance, { current, next }: Windows): Windows {
  const name = countName(allowance);
  if (name === '') return { current, next };
  const named = ({ id, endsAt }: Window) => ({ id: `${name}/${id}`, endsAt });
  return { current: named(current), next: named(next) };
}

function countName({ unit, models, name }: Allowance): string {
  if (models !== null) return `${unit}:${name}`;
  return unit === 'request' ? '' : unit;
}

/** Fewest titles a day that cost nothing where they are capped; with more requests a day, as many as those. */
const FREE_TITLES = 20;

/** The count of titles, apart from all others. Claude Code asks for one a session, and whoever imitates it gets no more. */
export function toTitleDraw(principal: Principal, terms: Terms, { windowsOf }: DrawRules): Draw {
  const limit = Math.max(FREE_TITLES, ...terms.allowances.map(dailyRequests));
  const allowance: Allowance = {
    name: 'titles',
    unit: 'request',
    limit,
    window: 'day',
    models: [],
    pool: null,
  };
  const windows = toCounts(allowance, windowsOf('day'));
  const hold = { windows, limit, amount: 1, needs: 1, perTurn: false, overdraft: 0 };
  return { subject: principal.subject, allowance, weight: 1, hold };
}

const dailyRequests = ({ unit, window, limit, pool }: Allowance): number =>
  unit === 'request' && window === 'day' && pool === null ? (limit ?? 0) : 0;

/**
 * Tokens that an answer is charged with. What was read from the prompt cache is not counted: Claude Code sends its
 * whole conversation with every call, and Anthropic's own limits leave it out as well.
 */
export function countedTokens({ inputTokens, outputTokens, cacheWriteTokens }: Usage): number {
  return inputTokens + outputTokens + cacheWriteTokens;
}

/** What a draw is charged once the usage is known. `amount` is what was held. */
export function finalAmount({ allowance, weight }: Draw, amount: number, usage: Usage | null): number {
  if (allowance.unit !== 'token' || usage === null) return amount;
  return countedTokens(usage) * weight;
}
