/** A token count without a tokenizer, erring high: better to compact a little early than to be refused. */

/** Characters a token has at least, on average, in code and prose alike (translation.md M-02). */
const CHARACTERS_PER_TOKEN = 3.5;
const TOKENS_PER_IMAGE = 1600;
const TOKENS_PER_MESSAGE = 4;

/** Estimates a Messages or Responses request: everything said and every tool definition, images at a flat rate. */
export function estimateTokens(body: unknown): number {
  const { system, messages, instructions, input, tools } = (body ?? {}) as Record<string, unknown>;
  const tally = { characters: 0, images: 0 };
  for (const part of [system, messages, instructions, input, tools]) measure(part, tally);
  const turns = [messages, input].reduce<number>(
    (sum, list) => sum + (Array.isArray(list) ? list.length : 0),
    0,
  );
  const text = Math.ceil(tally.characters / CHARACTERS_PER_TOKEN);
  return text + tally.images * TOKENS_PER_IMAGE + turns * TOKENS_PER_MESSAGE;
}

/** Estimates any part of a request by itself. */
export function estimatePart(value: unknown): number {
  const tally = { characters: 0, images: 0 };
  measure(value, tally);
  return Math.ceil(tally.characters / CHARACTERS_PER_TOKEN) + tally.images * TOKENS_PER_IMAGE;
}

function measure(value: unknown, tally: { characters: number; images: number }): void {
  if (typeof value === 'string' && value.startsWith('data:')) tally.images += 1;
  else if (typeof value === 'string') tally.characters += value.length;
  else if (typeof value === 'number' || typeof value === 'boolean') tally.characters += 4;
  else if (Array.isArray(value)) for (const one of value) measure(one, tally);
  else if (typeof value === 'object' && value !== null)
    measureObject(value as Record<string, unknown>, tally);
}

function measureObject(value: Record<string, unknown>, tally: { characters: number; images: number }): void {
  if (value.type === 'base64' || value.kind === 'base64') {
    tally.images += 1;
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    tally.characters += key.length + 4;
    measure(inner, tally);
  }
}
