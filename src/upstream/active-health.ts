/**
 * Asks replicas whether they are well, so that one which is starting, draining or gone gets no request to find it out
 * with. Only where there is another to send it to; where a server has no such page, silence is no sign.
 */
import type { Caller } from './call.ts';
import type { Backend } from './kinds.ts';
import type { Replicas } from './replicas.ts';

export interface ActiveHealth {
  /** Ends the asking. */
  close(): void;
}

/** Milliseconds between two questions to a replica. */
const EVERY_MS = 5000;
const PATIENCE_SECONDS = 2;
/** One question may be lost; so many in a row are not. */
const FAILURES_IN_A_ROW = 2;
/** Statuses of servers that do not know the page. */
const UNKNOWN_PAGE: ReadonlySet<number> = new Set([401, 403, 404, 405, 501]);

/**
 * Begins to ask every replica of the backends that have several and a health page. The first question comes after
 * one interval.
 */
export function startActiveHealth(
  backends: Iterable<Backend>,
  caller: Pick<Caller, 'call'>,
  replicas: Pick<Replicas, 'said'>,
  everyMs = EVERY_MS,
): ActiveHealth {
  const asked = [...backends].flatMap(({ urls, healthPath, headers }) =>
    healthPath === null || urls.length < 2
      ? []
      : urls.map((url) => ({ url, page: url + healthPath, headers })),
  );
  const failures = new Map<string, number>();
  let asking = false;

  const askOne = async ({ url, page, headers }: (typeof asked)[number]) => {
    const isWell = await ask(page, headers(), caller);
    const failed = isWell ? 0 : (failures.get(url) ?? 0) + 1;
    failures.set(url, failed);
    if (isWell) replicas.said(url, true);
    else if (failed >= FAILURES_IN_A_ROW) replicas.said(url, false);
  };

  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    void Promise.all(asked.map(askOne)).finally(() => {
      asking = false;
    });
  }, everyMs);
  timer.unref();
  if (asked.length === 0) clearInterval(timer);
  return { close: () => clearInterval(timer) };
}

/** Whether it answers that it is well, or at least that it knows no such page. Never rejects. */
async function ask(
  url: string,
  headers: Readonly<Record<string, string>>,
  caller: Pick<Caller, 'call'>,
): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PATIENCE_SECONDS * 1000);
    const reply = await caller.call({ url, method: 'GET', headers, signal });
    // Read to its end, so that the connection can be used again.
    for await (const _ of reply.body);
    return (reply.status >= 200 && reply.status < 300) || UNKNOWN_PAGE.has(reply.status);
  } catch {
    return false;
  }
}
