/** Memory of bodies, given back at once where V8 would gather it. */

/** Bodies below are left to the garbage collector, which is quicker. Bytes. */
const WORTH_FREEING = 16 * 1024;

/**
 * Gives back the memory of bytes that nobody reads or sends any more; whoever still looks at them finds them empty. V8
 * would gather 64 MB of such and then walk its whole heap, and new memory would be taken for the next body meanwhile: half
 * of what a body of 200 kB costs (docs/decisions/2026-11-22-hot-path.md). Bytes that share their memory with others are
 * left alone.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  const isAlone = buffer.byteLength === byteLength;
  if (isAlone && byteLength >= WORTH_FREEING && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
