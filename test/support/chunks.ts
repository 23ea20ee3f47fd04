/** Cuts byte streams in two or many, to show that nothing depends on how bytes arrive. */

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Cuts at the given offsets; offsets beyond the end are ignored. */
export function cutAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(offsets)].filter((at) => at > 0 && at < bytes.length).sort((a, b) => a - b);
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (const at of [...sorted, bytes.length]) {
    chunks.push(bytes.subarray(from, at));
    from = at;
  }
  return chunks;
}

/** Every way to cut into two, and byte by byte. */
export function cutEverywhere(bytes: Uint8Array): Uint8Array[][] {
  const inTwo = Array.from({ length: bytes.length - 1 }, (_, i) => cutAt(bytes, [i + 1]));
  return [...inTwo, Array.from(bytes, (byte) => Uint8Array.of(byte))];
}
