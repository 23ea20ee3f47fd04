/** How many requests may be under way at once, so that nobody fills the memory with bodies or takes all the room. */
import { GatewayError } from '../errors.ts';

export interface InFlightLimits {
  /** In this process, of all callers together. */
  readonly requests: number;
  readonly requestsPerUser: number;
}

export interface InFlight {
  /**
   * Takes a place for one request of a caller whose credential is good, before its body is read.
   *
   * @returns gives the place back; call it once, however the request ends
   * @throws GatewayError `gateway_overloaded`, or `rate_limited` where only this caller has too many
   */
  enter(subject: string, limits: InFlightLimits): () => void;
}

const RETRY_AFTER = { retryAfterSeconds: 1 };

/** Outlives reloads: the limits in force come with each request. */
export function createInFlight(): InFlight {
  const ofUser = new Map<string, number>();
  let all = 0;

  const change = (subject: string, by: 1 | -1): void => {
    all += by;
    const count = (ofUser.get(subject) ?? 0) + by;
    if (count === 0) ofUser.delete(subject);
    else ofUser.set(subject, count);
  };

  return {
    enter(subject, { requests, requestsPerUser }) {
      if (all >= requests) {
        throw new GatewayError(
          'gateway_overloaded',
          'The gateway is answering as many requests as it can; nothing was started and nothing was charged.',
          RETRY_AFTER,
        );
      }
      if ((ofUser.get(subject) ?? 0) >= requestsPerUser) {
        throw new GatewayError(
          'rate_limited',
          `You have ${requestsPerUser} requests under way, which is the most at a time; nothing was charged.`,
          RETRY_AFTER,
        );
      }
      change(subject, 1);
      return () => change(subject, -1);
    },
  };
}
