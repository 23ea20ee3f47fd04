/** The requests that this process is answering, for operators to look at. */
import type { Progress } from '../pipeline.ts';
import type { Dialect } from '../types.ts';
import { createUnderWay } from './under-way.ts';

export interface LiveRequest {
  readonly id: string;
  readonly dialect: Dialect;
  /** Milliseconds, monotonic. */
  readonly startedAt: number;
  /** Filled in as the request goes. */
  readonly progress: Readonly<Progress>;
}

export interface LiveRequests {
  /** @returns takes it out again; call it once, however the request ends */
  enter(request: LiveRequest): () => void;
  /** Oldest first. */
  list(): readonly LiveRequest[];
}

/** Outlives reloads. */
export function createLiveRequests(): LiveRequests {
  const live = createUnderWay<LiveRequest>();
  return {
    enter: live.add,
    list: () => [...live].sort((one, other) => one.startedAt - other.startedAt),
  };
}
