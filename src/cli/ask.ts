/** Requests of the command line: one JSON answer in bounded time, failures as one sentence. */
import { asObject, type JsonObject, parseJson } from '../protocol/json.ts';
import { CommandFailure, EXIT_UNAVAILABLE } from './command.ts';

export interface JsonAnswer {
  readonly status: number;
  /** `{}` where the body is no JSON object. */
  readonly body: JsonObject;
}

const PATIENCE_MS = 10_000;

/**
 * Asks once, and follows no redirect: what is sent is a credential.
 *
 * @param patienceMs milliseconds for the whole answer
 * @throws CommandFailure when there is no answer
 */
export async function askJson(
  url: string,
  init: RequestInit = {},
  patienceMs: number = PATIENCE_MS,
): Promise<JsonAnswer> {
  try {
    const signal = AbortSignal.timeout(patienceMs);
    const response = await fetch(url, { redirect: 'manual', signal, ...init });
    return { status: response.status, body: asObject(parseJson(await response.text())) };
  } catch (error) {
    throw new CommandFailure(`${new URL(url).origin} does not answer (${reasonOf(error)})`, EXIT_UNAVAILABLE);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return 'timeout';
  const { cause } = error as { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? error.message;
}
