/** Where a request's steps are told to whoever reads traces; to nobody, until somebody is configured. */

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A piece of work under way. */
export interface Span {
  /** 32 hex digits; null where nothing is recorded. */
  readonly traceId: string | null;
  /** W3C trace context for those who are called within it: `traceparent`, and `tracestate` where there is one. */
  readonly headers: Readonly<Record<string, string>>;
  set(attributes: Attributes): void;
  /** @param type a word of a closed list, never a message: messages may quote what they failed on */
  fail(type: string): void;
  end(): void;
}

export interface SpanOptions {
  /** `client`: the work is done by somebody else. Default: `internal`. */
  readonly kind?: 'client' | 'internal';
  readonly attributes?: Attributes;
}

export interface Tracer {
  /** Whether anybody reads. */
  readonly isOn: boolean;
  /**
   * Runs a request from outside, as a part of the trace that its headers name, or of a new one.
   *
   * @param headers lower-case names
   */
  request<T>(
    name: string,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    work: (span: Span) => Promise<T>,
  ): Promise<T>;
  /** Runs a step of the request under way; outside of any it is only run. A rejection marks the span as failed. */
  step<T>(name: string, work: (span: Span) => Promise<T>, options?: SpanOptions): Promise<T>;
  /** Begins a step whose end is found elsewhere. */
  begin(name: string, options?: SpanOptions): Span;
  /** Hands over what is left, for some seconds at most. */
  close(): Promise<void>;
}

export const NO_SPAN: Span = {
  traceId: null,
  headers: {},
  set: () => undefined,
  fail: () => undefined,
  end: () => undefined,
};

/** Tells nobody. */
export const NO_TRACER: Tracer = {
  isOn: false,
  request: (_name, _headers, work) => work(NO_SPAN),
  step: (_name, work) => work(NO_SPAN),
  begin: () => NO_SPAN,
  close: () => Promise.resolve(),
};
