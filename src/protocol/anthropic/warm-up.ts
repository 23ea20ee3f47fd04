/**
 * Requests with `max_tokens: 0`: they fill Claude's prompt cache and ask for no answer (translation.md A-80). No
 * other backend knows them, and none has a cache that a client could fill, so they are answered without one.
 */
import { readField } from '../scan-request.ts';
import { type ProbeCandidate, probeAnswer } from './start-up-probe.ts';

/** Whether a request asks for no answer. */
export function isWarmUp({ dialect, body, scan }: ProbeCandidate): boolean {
  return dialect === 'anthropic' && readField(body, scan, 'max_tokens') === 0;
}

/** What Claude answers to one: nothing, at the limit. */
export function warmUpAnswer(id: string, model: unknown) {
  return { ...probeAnswer(id, model), content: [] };
}
