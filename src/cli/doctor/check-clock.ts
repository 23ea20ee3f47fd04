import type { Answer } from './ask.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** Tokens are checked with 30 s of tolerance by default. */
const WARN_SECONDS = 5;
const PROBLEM_SECONDS = 30;

/**
 * Compares this clock with those of the servers that were asked, by their `Date` headers.
 *
 * @param now milliseconds since the epoch when the answers came
 */
export function checkClock(
  answers: readonly Pick<Answer, 'headers' | 'ms'>[],
  now: number,
): readonly Finding[] {
  const offsets = answers.flatMap(({ headers, ms }) => {
    const at = Date.parse(headers.get('date') ?? '');
    // A header has whole seconds, and the answer was on its way.
    return Number.isNaN(at) ? [] : [(now - at - 500 - ms / 2) / 1000];
  });
  if (offsets.length === 0) return [];
  const sorted = [...offsets].sort((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const apart = Math.abs(median);
  const told = `this clock is ${apart.toFixed(0)} s ${median > 0 ? 'ahead of' : 'behind'} the servers that were asked`;
  const remedy = 'Synchronise it (NTP): tokens are refused too early or too late otherwise.';
  if (apart >= PROBLEM_SECONDS) return [problem('clock', told, remedy)];
  if (apart >= WARN_SECONDS) return [warning('clock', told, remedy)];
  return [ok('clock', `agrees with ${offsets.length} server${offsets.length === 1 ? '' : 's'}`)];
}
