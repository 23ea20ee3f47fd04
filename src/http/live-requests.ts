/** The requests that this process is answering, for operators to look at. */
import type { Progress } from '../pipeline.ts';
import type { Dialect } from '../types.ts';

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
  const live = new Set<LiveRequest>();
  return {
    enter(request) {
      live.add(request);
      return () => live.delete(request);
    },
    list: () => [...live],
  };
}
