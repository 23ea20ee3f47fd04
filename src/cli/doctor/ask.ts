/** One HTTP question, answered or not; never throws. */
export interface Answer {
  /** 0 where there was no answer. */
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; undefined where it is not JSON. */
  readonly json: unknown;
  /** Why there was no answer, in the words of the network. */
  readonly failure: string | null;
  readonly ms: number;
}

export type Ask = (url: string, init?: RequestInit) => Promise<Answer>;

/** Longest body that is read. */
const MAX_TEXT = 1024 * 1024;

/** @param patienceMs milliseconds for the whole answer */
export function createAsk(patienceMs: number): Ask {
  return async (url, init = {}) => {
    const began = performance.now();
    const ms = () => Math.round(performance.now() - began);
    try {
      const signal = AbortSignal.timeout(patienceMs);
      const answer = await fetch(url, { redirect: 'manual', signal, ...init });
      const text = (await answer.text()).slice(0, MAX_TEXT);
      return {
        status: answer.status,
        headers: answer.headers,
        text,
        json: parse(text),
        failure: null,
        ms: ms(),
      };
    } catch (error) {
      const nothing = { status: 0, headers: new Headers(), text: '', json: undefined };
      return { ...nothing, failure: reasonOf(error, patienceMs), ms: ms() };
    }
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown, patienceMs: number): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return `no answer within ${patienceMs / 1000} s`;
  const { cause } = error as { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? error.message;
}
