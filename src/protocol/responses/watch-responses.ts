/** A look at a Responses stream as it passes. */
import type { Usage } from '../../types.ts';
import { asObject, asText, type JsonObject, parseJson } from '../json.ts';
import type { RawFrame } from '../sse.ts';
import type { Sight, StreamWatcher } from '../stream-watcher.ts';
import { readEmbeddedError } from '../upstream-error.ts';
import { failedResponse } from './failed-response.ts';
import { readResponsesUsage } from './usage.ts';

const SIGHTS: ReadonlyMap<string, Sight> = new Map<string, Sight>([
  ['response.created', 'begun'],
  ['response.queued', 'begun'],
  ['response.in_progress', 'begun'],
  ['response.completed', 'end'],
  ['response.incomplete', 'end'],
  ['response.failed', 'error'],
  ['error', 'error'],
]);

/** Makes the watcher of one stream. Deltas are not parsed; only what begins and ends the answer is. */
export function watchResponses(): StreamWatcher {
  let usage: Usage | null = null;
  let head: JsonObject = {};
  let last: RawFrame | null = null;
  let ended = false;
  return {
    see(frame) {
      last = frame;
      const type = typeOf(frame);
      const sight = SIGHTS.get(type);
      if (sight === undefined) return sightOfOther(type, frame);
      const response = asObject(asObject(parseJson(frame.data())).response);
      if (asText(response.id) !== '') head = toHead(response);
      usage = readResponsesUsage(response.usage, usage);
      ended ||= sight === 'end';
      return sight;
    },
    mayEnd: () => ended,
    usage: () => usage,
    // The SDK's helper throws on any event before `response.created`; from then on an event keeps Codex waiting,
    // whose idle timer passes over comments (codex.md §4, §7).
    keepAlive: () => (last === null ? ': keepalive\n\n' : 'event: keepalive\ndata: {"type":"keepalive"}\n\n'),
    // Codex passes over `error` events.
    hears: (frame) => typeOf(frame) === 'response.failed' && isFitToHear(frame),
    fail: (error) => failedResponse(head, sequenceOf(last) + 1, error),
  };
}

/** Not what says nothing, and not what Codex would tell its user of their plan while it is the gateway's that ended. */
function isFitToHear(frame: RawFrame): boolean {
  const data = parseJson(frame.data());
  const { message } = asObject(asObject(asObject(data).response).error);
  const code = readEmbeddedError(data)?.code;
  return asText(message) !== '' && code !== 'billing' && code !== 'backend_credential_rejected';
}

/** What tells one response from another; the rest may nest deeper than can be written again. */
const toHead = ({ id, created_at, model }: JsonObject): JsonObject => ({
  id: asText(id),
  object: 'response',
  created_at: typeof created_at === 'number' ? created_at : 0,
  model: asText(model),
  output: [],
});

const TYPE = /^\s*\{\s*"type"\s*:\s*"([^"]*)"/;

/** The `event:` line may be missing (codex.md §4). */
function typeOf(frame: RawFrame): string {
  const data = frame.data();
  return frame.event() || (TYPE.exec(data)?.[1] ?? asText(asObject(parseJson(data)).type));
}

function sightOfOther(type: string, frame: RawFrame): Sight {
  if (type.startsWith('response.')) return 'content';
  return type === '' && readEmbeddedError(parseJson(frame.data())) !== null ? 'error' : 'nothing';
}

const SEQUENCE = /"sequence_number"\s*:\s*(\d{1,15})/;

function sequenceOf(frame: RawFrame | null): number {
  return frame === null ? -1 : Number(SEQUENCE.exec(frame.data())?.[1] ?? -1);
}
