/** Whether somebody waits for an answer, as far as the request shows. */
import { asObject } from './json.ts';
import { type RequestScan, readField } from './scan-request.ts';

export type RequestClass = 'interactive' | 'background';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Longest body of a request for a title: beyond it, somebody does real work under that name. */
const MOST_TITLE_BYTES = 16 * 1024;

/**
 * Background is what says so itself (`x-gateway-priority: background`, Claude Code's request class) and the titles
 * that Claude Code and Codex have made for their sessions. Whoever claims it wrongly only waits longer.
 */
export function classifyRequest(headers: Headers, body: Uint8Array, scan: RequestScan): RequestClass {
  return isDeclared(headers) || isTitle(headers, body, scan) ? 'background' : 'interactive';
}

/** Whether a request only has a title made for a session. */
export function isTitle(headers: Headers, body: Uint8Array, scan: RequestScan): boolean {
  return isCodexTitle(headers) || isClaudeTitle(headers, body, scan);
}

function isDeclared(headers: Headers): boolean {
  const kind = headers['x-claude-code-request-class'];
  return headers['x-gateway-priority'] === 'background' || kind === 'background';
}

function isCodexTitle(headers: Headers): boolean {
  const metadata = headers['x-codex-turn-metadata'];
  return typeof metadata === 'string' && /"thread_source"\s*:\s*"thread_title"/.test(metadata);
}

/** A small request of Claude Code without tools whose answer is an object with a title (platform.md A3). */
function isClaudeTitle(headers: Headers, body: Uint8Array, scan: RequestScan): boolean {
  const agent = headers['user-agent'];
  if (typeof agent !== 'string' || !agent.startsWith('claude-cli/') || body.length > MOST_TITLE_BYTES)
    return false;
  const tools = readField(body, scan, 'tools');
  if (Array.isArray(tools) && tools.length > 0) return false;
  const { format } = asObject(readField(body, scan, 'output_config'));
  return 'title' in asObject(asObject(asObject(format).schema).properties);
}
