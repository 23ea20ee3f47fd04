/** Elements cut out of an array that is otherwise left as it is, byte by byte. */
import type { ByteRange } from './scan-request.ts';

/** What to cut: each element goes with the comma before it, or with the one behind it while none before it stays. */
export function cutElements(elements: readonly ByteRange[], cut: readonly boolean[]): readonly ByteRange[] {
  const firstKept = cut.indexOf(false);
  return elements.flatMap((element, index) => {
    if (cut[index] !== true) return [];
    const start = elements[index - 1]?.end;
    const end = elements[index + 1]?.start;
    const isLeading = firstKept === -1 || index < firstKept;
    return isLeading
      ? [{ start: element.start, end: end ?? element.end }]
      : [{ start: start ?? element.start, end: element.end }];
  });
}
