/**
 * How many tokens a request has: by Claude's or OpenAI's own counter, by the model server's tokenizer, else estimated
 * on the high side. Free of quota, and never a failure for a model that exists (M-01, M-02).
 */
import { promptPrefix, sessionOf } from '../protocol/conversation-key.ts';
import { BACKEND_FORMATS, CLIENT_DIALECTS } from '../protocol/dialects.ts';
import { estimateTokens } from '../protocol/estimate-tokens.ts';
import { parseBody } from '../protocol/scan-request.ts';
import type { Candidate, Route } from '../types.ts';
import type { Caller } from './call.ts';
import { type Backend, formatFor } from './kinds.ts';
import { orderReplicas } from './order-replicas.ts';
import { type ClientRequest, createOutboundWriter, sha256 } from './outbound.ts';
import type { Replicas } from './replicas.ts';

export interface TokenCount {
  readonly inputTokens: number;
  readonly estimated: boolean;
}

/** A tokenizer that takes longer is not waited for. */
const PATIENCE_MS = 2000;
/** Replicas asked at most: an estimate that comes soon is worth more than an exact count that comes late. */
const MOST_REPLICAS = 2;

export type CountTokens = (route: Route, request: ClientRequest, signal: AbortSignal) => Promise<TokenCount>;

/** @throws GatewayError `invalid_request` when the body cannot be read */
export function createCountTokens(
  backends: ReadonlyMap<string, Backend>,
  caller: Caller,
  replicas: Pick<Replicas, 'isUsable' | 'inFlight'>,
): CountTokens {
  return async (route, request, signal) => {
    const counted = await askReplicas(route, request, signal);
    if (counted !== null) return { inputTokens: counted, estimated: false };
    return { inputTokens: estimateTokens(parseBody(request.body)), estimated: true };
  };

  /** Of the target that the route prefers; another one's model would count otherwise. */
  async function askReplicas(
    { candidates }: Route,
    request: ClientRequest,
    signal: AbortSignal,
  ): Promise<number | null> {
    const [{ backend: name, model }] = candidates;
    const backend = backends.get(name);
    if (backend === undefined) return null;
    const usable = candidates
      .filter((one) => one.backend === name && one.model === model && replicas.isUsable(one.url))
      .map((one) => ({ ...one, inFlight: replicas.inFlight(one.url) }));
    const conversation = () => sessionOf(request.headers) ?? promptPrefix(request.body, request.scan);
    for (const candidate of orderReplicas(usable, conversation).slice(0, MOST_REPLICAS)) {
      const question = questionFor(backend, candidate, request);
      if (question === null || signal.aborted) return null;
      const answer = await askFor(question, caller, signal).catch(() => 'failed' as const);
      if (answer !== 'failed') return answer;
    }
    return null;
  }
}

interface Question {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
  readonly field: 'input_tokens' | 'count';
}

function questionFor(backend: Backend, candidate: Candidate, request: ClientRequest): Question | null {
  if (formatFor(backend, request.dialect) === 'responses') return askInputTokens(backend, candidate, request);
  if (backend.format === 'anthropic') return askCountTokens(backend, candidate, request);
  const { tokenizePath } = backend.profile;
  return tokenizePath === null ? null : askTokenizer(backend, candidate, request, tokenizePath);
}

function askInputTokens(backend: Backend, candidate: Candidate, request: ClientRequest): Question {
  const { headers, body } = createOutboundWriter(request).write(candidate, backend);
  return { url: `${candidate.url}/v1/responses/input_tokens`, headers, body, field: 'input_tokens' };
}

/** What Claude's counter takes; it refuses what only an answer needs. */
const COUNTED: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking'],
]);

function askCountTokens(backend: Backend, candidate: Candidate, request: ClientRequest): Question {
  const { headers, body, translation } = createOutboundWriter(request).write(candidate, backend);
  return {
    url: `${candidate.url}/v1/messages/count_tokens${request.search}`,
    headers,
    body: translation === null ? body : onlyCounted(String(body)),
    field: 'input_tokens',
  };
}

function onlyCounted(body: string): string {
  const fields = Object.entries(JSON.parse(body) as Record<string, unknown>);
  return JSON.stringify(Object.fromEntries(fields.filter(([name]) => COUNTED.has(name))));
}

function askTokenizer(
  backend: Backend,
  candidate: Candidate,
  request: ClientRequest,
  path: string,
): Question {
  const conversation = CLIENT_DIALECTS[request.dialect].readRequest({
    ...(parseBody(request.body) as object),
    ...(request.dialect === 'anthropic' && { max_tokens: 1 }),
    stream: false,
  });
  const { body } = BACKEND_FORMATS.openai.writeRequest(conversation, {
    model: candidate.model,
    profile: backend.profile,
    maxOutputTokens: 1,
    hash: sha256,
  });
  const { model, messages, tools, chat_template_kwargs } = body;
  return {
    url: candidate.url + path,
    headers: { 'content-type': 'application/json', 'accept-encoding': 'identity', ...backend.headers() },
    body: JSON.stringify({ model, messages, tools, chat_template_kwargs, add_generation_prompt: true }),
    field: 'count',
  };
}

/** What another replica may do better. */
const isOfTheReplica = (status: number) => status >= 500 || status === 408 || status === 429;

/** The count; `failed` where another replica may know it, null where none will. */
async function askFor(
  { url, headers, body, field }: Question,
  caller: Caller,
  signal: AbortSignal,
): Promise<number | 'failed' | null> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  const reply = await caller.call({ url, method: 'POST', headers, body, signal: patience });
  const chunks: Uint8Array[] = [];
  for await (const chunk of reply.body) chunks.push(chunk);
  if (reply.status !== 200) return isOfTheReplica(reply.status) ? 'failed' : null;
  const count = (JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>)[field];
  return typeof count === 'number' && Number.isInteger(count) && count >= 0 ? count : null;
}
