/** Chance that can be told again: the same seed gives the same numbers on every machine. */
export interface Random {
  /** A whole number from 0 to `count - 1`. */
  below(count: number): number;
  pick<T>(list: readonly T[]): T;
  /** True once in `times`. */
  oneIn(times: number): boolean;
}

/** Xorshift over 32 bits, Marsaglia 2003; good enough to choose mutations, quick enough for millions of cases. */
export function createRandom(seed: number): Random {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ (seed >>> 13)) | 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let i = 0; i < 4; i++) next();
  return {
    below: (count) => next() % count,
    pick: (list) => list[next() % list.length] as never,
    oneIn: (times) => next() % times === 0,
  };
}
