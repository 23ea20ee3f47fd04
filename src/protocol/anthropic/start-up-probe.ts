/**
 * Claude Code's question "quota": sent at each start only to read the rate-limit headers of its answer
 * (Claude Code 2.1.330, measured). Answered here, so that looking at the quota does not use it up.
 */
import type { Dialect } from '../../types.ts';
import { type RequestScan, readField } from '../scan-request.ts';

/** The real one has some 250 bytes. */
const MAX_PROBE_BYTES = 2048;

/** The part of a request that tells. */
export interface ProbeCandidate {
  readonly dialect: Dialect;
  readonly body: Uint8Array;
  readonly scan: RequestScan;
}

/** Whether a request is that question. */
export function isStartUpProbe(request: ProbeCandidate): boolean {
  const { dialect, body, scan } = request;
  if (dialect !== 'anthropic') return false;
  if (body.length > MAX_PROBE_BYTES || scan.stream || readField(body, scan, 'max_tokens') !== 1) return false;
  if (scan.fields.has('tools') || scan.fields.has('system')) return false;
  const messages = readField(body, scan, 'messages');
  if (!Array.isArray(messages) || messages.length !== 1) return false;
  const { role, content } = (messages[0] ?? {}) as { role?: unknown; content?: unknown };
  return role === 'user' && content === 'quota';
}

/** The smallest answer that is one. */
export function probeAnswer(id: string, model: unknown) {
  return {
    id,
    type: 'message',
    role: 'assistant',
    model,
    content: [{ type: 'text', text: '.' }],
    stop_reason: 'max_tokens',
    stop_sequence: null,
    usage: { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
  };
}
