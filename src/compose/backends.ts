/** Everything that stands between a route and a model server. */
import type { Config } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import { estimatePrompt, fitMaxTokens, roomAfter, sayTooLong, surelyFits } from '../routing/fit-context.ts';
import { createAttempt } from '../upstream/attempt.ts';
import { type Caller, createCaller } from '../upstream/call.ts';
import { type Catalogue, createCatalogue } from '../upstream/catalogue.ts';
import { createWindowOf } from '../upstream/describe-backends.ts';
import { withExactRoom, withinWindow } from '../upstream/fit-window.ts';
import { type Backend, toBackend } from '../upstream/kinds.ts';
import { noticeToolText } from '../upstream/notice-tool-text.ts';
import { withoutRefused } from '../upstream/optional-fields.ts';
import { createSendFirst, type SendFirst } from '../upstream/send-first.ts';
import type { Traffic } from '../upstream/traffic.ts';

/** Longest wait for content once a backend sent its headers; the client's headers follow then (T-12). */
const PEEK_MS = 5000;

const CONTEXT_RULES = { surelyFits, estimatePrompt, fitMaxTokens, roomAfter, sayTooLong };

function toBackends(config: Config): ReadonlyMap<string, Backend> {
  return new Map(
    Object.entries(config.backends).map(([name, settings]) => [
      name,
      toBackend({ name, ...settings, urls: settings.url }),
    ]),
  );
}

/** What calls out, with what it knows of the backends. */
export interface Upstream {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly caller: Caller;
  readonly catalogue: Catalogue;
  readonly sendFirst: SendFirst;
}

/**
 * @param traffic what is known of the replicas from before
 * @param now milliseconds, monotonic
 */
export function createUpstream(config: Config, traffic: Traffic, now: () => number, log: Log): Upstream {
  const backends = toBackends(config);
  const caller = createCaller(config.limits);
  const catalogue = createCatalogue([...backends.values()], caller, now);
  const sendFirst = createSender(backends, catalogue, caller, traffic, config.limits.replyBytes, log);
  return { backends, caller, catalogue, sendFirst };
}

/** From the inside out: a plain try, without what the backend refuses, within its window, with the exact room. */
function createSender(
  backends: ReadonlyMap<string, Backend>,
  catalogue: Catalogue,
  caller: Caller,
  traffic: Traffic,
  replyBytes: number,
  log: Log,
): SendFirst {
  const plain = createAttempt(caller, { replyBytes, peekMs: PEEK_MS });
  const windowOf = createWindowOf(catalogue.known);
  const fitted = withinWindow(withoutRefused(plain), windowOf, CONTEXT_RULES);
  const attempt = withExactRoom(fitted, CONTEXT_RULES);
  const sendFirst = createSendFirst({ backends, traffic, attempt, windowOf });
  return noticeToolText(sendFirst, (backend) =>
    log.warn({ backend }, 'The backend sends tool calls as text: its tool parser is not configured.'),
  );
}
