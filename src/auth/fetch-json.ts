/** JSON documents of an identity provider: bounded, without redirects, never quoted in an error. */

export type JsonObject = Readonly<Record<string, unknown>>;

export interface FetchJsonOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sent with POST, form-encoded. */
  readonly form?: Readonly<Record<string, string>> | undefined;
}

export interface JsonAnswer {
  readonly status: number;
  readonly document: JsonObject;
}

/** Bytes; Keycloak's documents are below 16 KiB. */
const MAX_DOCUMENT = 1024 * 1024;

/** @throws Error unless the answer is a JSON object with status 200 */
export async function fetchJson(url: string, options: FetchJsonOptions): Promise<JsonObject> {
  const response = await send(url, options);
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`"${url}" answered ${response.status}, expected 200`);
  }
  return readObject(response, url);
}

/** As {@link fetchJson}, for endpoints whose refusals are JSON as well (RFC 6749 §5.2): any status comes back. */
export async function askJson(url: string, options: FetchJsonOptions): Promise<JsonAnswer> {
  const response = await send(url, options);
  return { status: response.status, document: await readObject(response, url) };
}

function send(url: string, { fetch, signal, headers, form }: FetchJsonOptions): Promise<Response> {
  return fetch(url, {
    // A redirect would let whoever answers once choose where keys come from.
    redirect: 'manual',
    signal,
    headers: { accept: 'application/json', ...headers },
    ...(form !== undefined && { method: 'POST', body: new URLSearchParams(form) }),
  });
}

async function readObject(response: Response, url: string): Promise<JsonObject> {
  const parts: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the body. The bytes counted are the unpacked ones.
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > MAX_DOCUMENT) throw new Error(`"${url}" is larger than 1 MiB`);
    parts.push(part);
  }
  return parseObject(Buffer.concat(parts).toString('utf8'), url);
}

function parseObject(text: string, url: string): JsonObject {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, so it is not passed on.
    throw new Error(`"${url}" is not JSON`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new Error(`"${url}" is not a JSON object`);
  }
  return document as JsonObject;
}
