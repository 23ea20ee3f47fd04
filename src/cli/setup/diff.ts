/** Two texts line by line: what goes has a `-`, what comes a `+`. */

/** Unchanged lines shown around a change. */
const CONTEXT = 2;

/** @returns the empty text where nothing differs */
export function toDiff(before: string, after: string): string {
  const lines = compare(toLines(before), toLines(after));
  const changed = lines.flatMap(({ mark }, index) => (mark === ' ' ? [] : [index]));
  const isNear = (index: number) => changed.some((one) => Math.abs(one - index) <= CONTEXT);
  return lines
    .flatMap(({ mark, text }, index) => {
      if (isNear(index)) return [`${mark} ${text}\n`];
      return isNear(index - 1) && changed.length > 0 ? ['  …\n'] : [];
    })
    .join('');
}

interface Line {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

const toLines = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

/** By the longest common subsequence. */
function compare(before: readonly string[], after: readonly string[]): readonly Line[] {
  const common = commonLengths(before, after);
  const lengthAt = (i: number, j: number) => common[i]?.[j] ?? 0;
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, next] = [before[i], after[j]];
    if (old !== undefined && old === next) {
      lines.push({ mark: ' ', text: old });
      i += 1;
      j += 1;
    } else if (old !== undefined && (next === undefined || lengthAt(i + 1, j) >= lengthAt(i, j + 1))) {
      lines.push({ mark: '-', text: old });
      i += 1;
    } else {
      lines.push({ mark: '+', text: next ?? '' });
      j += 1;
    }
  }
  return lines;
}

/** At `[i][j]`: how many lines `before` from i and `after` from j have in common. */
function commonLengths(before: readonly string[], after: readonly string[]): readonly (readonly number[])[] {
  const rows: number[][] = [new Array<number>(after.length + 1).fill(0)];
  for (const old of before.toReversed()) {
    const below = rows[0] ?? [];
    const row = [0];
    for (const [index, next] of [...after.entries()].reverse())
      row.unshift(old === next ? (below[index + 1] ?? 0) + 1 : Math.max(below[index] ?? 0, row[0] ?? 0));
    rows.unshift(row);
  }
  return rows;
}
