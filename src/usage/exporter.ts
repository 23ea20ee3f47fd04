import type { After } from '../after.ts';
import { type Customer, toCloudEvent, toLagoEvent } from './events.ts';
import type { Outbox, Posted } from './outbox.ts';

/** Hands usage to a metering system, at least once. */
export interface Exporter {
  /** There may be something to send. */
  wake(): void;
  /** Finishes the delivery under way; what is left in the outbox is sent after the next start. */
  close(): Promise<void>;
}

export interface ExporterOptions {
  readonly outbox: Outbox;
  /** Where to POST. */
  readonly url: string;
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string | undefined;
  readonly format: 'cloudevents' | 'lago';
  readonly customer: Customer;
  /** CloudEvents' `source`. */
  readonly source: string;
  /** Events of one POST at most; Lago takes 100. */
  readonly batch: number;
  /** Records that wait for the sink at most; beyond that the oldest are dropped. */
  readonly capacity: number;
  readonly fetch: typeof fetch;
  readonly after: After;
  readonly log: {
    info(fields: Readonly<Record<string, unknown>>, message: string): void;
    warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  };
  readonly onDelivery?: ((outcome: 'sent' | 'failed' | 'dropped', events: number) => void) | undefined;
}

/** Milliseconds a POST may take. */
const TIMEOUT = 10_000;
/** Milliseconds between two tries at a sink that fails: doubled from the first to the last. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
/** Statuses by which a sink says that this very content will never be taken. */
const UNACCEPTABLE: ReadonlySet<number> = new Set([400, 413, 415, 422]);

export function createExporter(options: ExporterOptions): Exporter {
  const { outbox, batch, capacity, after, log, onDelivery } = options;
  const stopped = new AbortController();
  let pause = FIRST_PAUSE;
  let cancel: (() => void) | null = null;
  let running: Promise<void> | null = null;
  let again = false;
  let isFailing = false;
  /** Events of the next POST: one by one after a batch was unacceptable, to find the one that is. */
  let next = batch;

  async function deliverAll(): Promise<void> {
    do {
      again = false;
      for (let posted = await outbox.first(next); posted.length > 0; posted = await outbox.first(next)) {
        if (stopped.signal.aborted || !(await deliver(posted))) return;
      }
    } while (again);
  }

  /** @returns false when the sink is to be left alone for a while */
  async function deliver(posted: readonly Posted[]): Promise<boolean> {
    const status = await post(options, posted, stopped.signal);
    const isUnacceptable = UNACCEPTABLE.has(status);
    if (isUnacceptable && posted.length > 1) {
      next = 1;
      return true;
    }
    if (status < 200 || (status > 299 && !isUnacceptable)) return fail(status, posted.length);
    await outbox.remove(posted.map(({ number }) => number));
    if (isUnacceptable) log.warn({ status }, 'the usage sink does not take an event; it was dropped');
    onDelivery?.(isUnacceptable ? 'dropped' : 'sent', posted.length);
    if (isFailing) log.info({}, 'the usage sink takes events again');
    isFailing = false;
    pause = FIRST_PAUSE;
    next = isUnacceptable ? 1 : batch;
    return true;
  }

  async function fail(status: number, events: number): Promise<false> {
    onDelivery?.('failed', events);
    if (!isFailing) log.warn({ status }, 'the usage sink does not take events; they wait on disk');
    isFailing = true;
    const dropped = await outbox.trim(capacity);
    if (dropped > 0) {
      log.warn({ dropped, capacity }, 'usage events were dropped: too many wait for the sink');
      onDelivery?.('dropped', dropped);
    }
    cancel ??= after(pause, () => {
      cancel = null;
      wake();
    });
    pause = Math.min(pause * 2, LONGEST_PAUSE);
    return false;
  }

  function wake(): void {
    if (cancel !== null || stopped.signal.aborted) return;
    again = true;
    running ??= deliverAll()
      .catch(() => void fail(0, 0).catch(() => undefined))
      .finally(() => {
        running = null;
      });
  }

  return {
    wake,
    async close() {
      cancel?.();
      stopped.abort();
      await running;
    },
  };
}

/** @returns the status, 0 where no answer came */
async function post(
  options: ExporterOptions,
  posted: readonly Posted[],
  stopped: AbortSignal,
): Promise<number> {
  const { url, token, format, customer, source } = options;
  const records = posted.map(({ record }) => record);
  const body =
    format === 'lago'
      ? { events: records.map((record) => toLagoEvent(record, customer)) }
      : records.map((record) => toCloudEvent(record, source, customer));
  try {
    const response = await options.fetch(url, {
      method: 'POST',
      headers: {
        'content-type': format === 'lago' ? 'application/json' : 'application/cloudevents-batch+json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT), stopped]),
    });
    await response.body?.cancel();
    return response.status;
  } catch {
    return 0;
  }
}
