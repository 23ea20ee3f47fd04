/** Everything that stands between a route and a model server. */
import type { Config } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import type { Tracer } from '../observe/tracer.ts';
import {
  estimatePrompt,
  fitMaxTokens,
  promptRoom,
  roomAfter,
  sayTooLong,
  surelyFits,
} from '../routing/fit-context.ts';
import { startActiveHealth } from '../upstream/active-health.ts';
import { type Attempt, createAttempt } from '../upstream/attempt.ts';
import { type Caller, createCaller } from '../upstream/call.ts';
import { type Catalogue, createCatalogue } from '../upstream/catalogue.ts';
import { type BackendFacts, createWindowOf, describeBackends } from '../upstream/describe-backends.ts';
import { describeTraffic, type TrafficFacts } from '../upstream/describe-traffic.ts';
import { withExactRoom, withinWindow } from '../upstream/fit-window.ts';
import { type Backend, toBackend } from '../upstream/kinds.ts';
import { noticeToolText } from '../upstream/notice-tool-text.ts';
import { withoutRefused } from '../upstream/optional-fields.ts';
import { createSendFirst, type SendFirst } from '../upstream/send-first.ts';
import type { Traffic } from '../upstream/traffic.ts';
import { withTruncation } from '../upstream/truncate-conversation.ts';
import { traceAttempts } from './tracing.ts';

/** Wait for content once a backend sent its headers; the client's headers follow then (T-12). */
const SILENCE_MS = 5000;

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
  /** Names of backends that told no models when last asked, or have a replica that is not well. */
  unwell(): readonly string[];
  /** What `/health` shows of each backend; asks nothing. */
  describe(): Readonly<Record<string, BackendFacts & TrafficFacts>>;
  /** How the replicas fare. */
  traffic(): Readonly<Record<string, TrafficFacts>>;
  close(): Promise<void>;
}

export interface UpstreamParts {
  /** What is known of the replicas from before. */
  readonly traffic: Traffic;
  readonly tracer: Tracer;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly log: Log;
}

export function createUpstream(config: Config, parts: UpstreamParts): Upstream {
  const { traffic, now } = parts;
  const backends = toBackends(config);
  const caller = createCaller(config.limits);
  const catalogue = createCatalogue([...backends.values()], caller, now);
  const sendFirst = createSender(createPlain(config, caller, parts.tracer), backends, catalogue, parts);
  const activeHealth = startActiveHealth(backends.values(), caller, traffic.replicas);
  traffic.replicas.keep(new Set([...backends.values()].flatMap(({ urls }) => urls)));
  const describeReplicas = () => describeTraffic(backends.values(), traffic);
  return {
    backends,
    caller,
    catalogue,
    sendFirst,
    unwell() {
      const isWell = ({ replicas }: TrafficFacts) => replicas.every(({ state }) => state === 'closed');
      const resting = Object.entries(describeReplicas()).filter(([, facts]) => !isWell(facts));
      return [...catalogue.silent(), ...resting.map(([name]) => name)];
    },
    describe() {
      const replicas = describeReplicas();
      const facts = describeBackends(backends.values(), catalogue.known());
      return Object.fromEntries(
        Object.entries(facts).map(([name, known]) => [
          name,
          { ...known, ...(replicas[name] ?? { replicas: [], waiting: 0 }) },
        ]),
      );
    },
    traffic: describeReplicas,
    async close() {
      activeHealth.close();
      await caller.close();
    },
  };
}

/** A plain try, with its span. */
function createPlain({ limits, backends }: Config, caller: Caller, tracer: Tracer): Attempt {
  const attempt = createAttempt(caller, { replyBytes: limits.replyBytes, silenceMs: SILENCE_MS });
  return traceAttempts(attempt, tracer, (name) => backends[name]?.tellTrace === true);
}

/** From the inside out: a plain try, without what the backend refuses, within its window, with the exact room, cut. */
function createSender(
  plain: Attempt,
  backends: ReadonlyMap<string, Backend>,
  catalogue: Catalogue,
  { traffic, log }: UpstreamParts,
): SendFirst {
  const windowOf = createWindowOf(catalogue.known);
  const fitted = withinWindow(withoutRefused(plain), windowOf, CONTEXT_RULES);
  const attempt = withExactRoom(fitted, CONTEXT_RULES);
  const plainly = createSendFirst({ backends, traffic, attempt, windowOf });
  const sendFirst = withTruncation(plainly, windowOf, promptRoom);
  return noticeToolText(sendFirst, (backend) =>
    log.warn({ backend }, 'The backend sends tool calls as text: its tool parser is not configured.'),
  );
}
