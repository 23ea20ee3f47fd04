/** The response object, which every event that begins or ends an answer carries. */
import type { Usage } from '../../types.ts';
import type { JsonObject } from '../json.ts';
import type { ReplyContext } from '../reply-events.ts';
import { writeResponsesUsage } from './usage.ts';

export type ResponseStatus = 'in_progress' | 'completed' | 'incomplete' | 'failed';

/** How far an answer has come. */
export interface ResponseState {
  readonly status: ResponseStatus;
  readonly output: readonly JsonObject[];
  /** `null` while nothing is said of it. */
  readonly usage: Usage | null;
}

/** What stands there for everything the request did not say; readers demand that the keys be there (codex.md §9). */
const DEFAULTS: JsonObject = {
  completed_at: null,
  background: false,
  error: null,
  incomplete_details: null,
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: 'default',
  store: false,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  truncation: 'disabled',
  user: null,
  metadata: {},
};

/** The length limit is the only thing that leaves a response incomplete: Codex tries others again (codex.md §4). */
const CUT_SHORT = { incomplete_details: { reason: 'max_output_tokens' } };

/** Writes the object; usage is only said at an end, where Codex wants every figure of it. */
export function toResponse(context: ReplyContext, { status, output, usage }: ResponseState): JsonObject {
  return {
    id: context.messageId,
    object: 'response',
    created_at: context.created,
    status,
    ...DEFAULTS,
    ...context.echo,
    ...(status === 'incomplete' && CUT_SHORT),
    model: context.model,
    output,
    usage: status === 'in_progress' ? null : writeResponsesUsage(usage),
  };
}
