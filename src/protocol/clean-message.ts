/**
 * A backend's own words, made fit for a caller: the human text stays, addresses and anything that looks like a
 * key go (translation.md E-06).
 */

const MAX_CHARACTERS = 1000;

/** Order matters: whole addresses before the hosts inside them, named secrets before bare ones. */
const REMOVALS: readonly (readonly [RegExp, string])[] = [
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>)\]]+/gi, '[address]'],
  [/\bbearer\s+(?!token|auth|scheme|header|credential)[^\s"',]{6,}/gi, '[key]'],
  [/\bbasic\s+[a-z0-9+/=]{16,}/gi, '[key]'],
  [
    /\b((?:x-)?api[-_ ]?key|secret|password|authorization)\b(\s*["']?\s*[=:]\s*["']?)[^\s"',]+/gi,
    '$1$2[key]',
  ],
  [/\beyJ[\w-]{8,}(?:\.[\w-]+)*/g, '[key]'],
  [/\b(?:sk|pk|rk|gsk|xai|hf|ghp|lgw)[-_][\w*.-]{6,}/g, '[key]'],
  [/\b(?:AIza|AKIA|ya29\.)[\w-]{12,}/g, '[key]'],
  [/\borg[-_][A-Za-z\d]{8,}/g, '[id]'],
  [/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/gi, '[id]'],
  [/\b(?=[A-Za-z]*\d)[A-Za-z\d]{32,}\b/g, '[key]'],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, '[address]'],
  [/\[[0-9a-f]*:[0-9a-f:.]+\](?::\d+)?/gi, '[address]'],
  [/\blocalhost(?::\d+)?\b/gi, '[address]'],
  [
    /\b(?:[a-z0-9-]+\.)+(?:svc|internal|local|lan|corp|com|net|org|io|ai|dev|cloud)\b(?:\.[a-z0-9-]+)*(?::\d+)?/gi,
    '[address]',
  ],
  [/\b(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*:\d{2,5}\b/gi, '[address]'],
  // A bare host is known only by what stands before it: `llama3:70` is a model, `error code:400` is neither.
  [
    /\b(to|at|from|host|ECONNREFUSED|ENOTFOUND|EAI_AGAIN)([\s=]+["']?)[a-z][a-z0-9-]*:\d{2,5}\b/gi,
    '$1$2[address]',
  ],
  [/\b[a-z][a-z0-9]*-[a-z0-9-]*:\d{4,5}\b/gi, '[address]'],
];

/** Removes addresses and key-like text, and cuts at 1,000 characters. */
export function cleanMessage(message: string): string {
  // Cut beforehand as well: a backend may answer with megabytes, and only the beginning is ever shown.
  const start = message.slice(0, 4 * MAX_CHARACTERS);
  const clean = REMOVALS.reduce((text, [pattern, by]) => text.replace(pattern, by), start).trim();
  return clean.length <= MAX_CHARACTERS ? clean : `${clean.slice(0, MAX_CHARACTERS - 1)}…`;
}
