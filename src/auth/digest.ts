import { hash } from 'node:crypto';

/**
 * SHA-256 of the whole text, in lower-case hex. Credentials are looked up by it alone: never by a prefix
 * (CVE-2026-35030 was a cache keyed by the first 20 characters of a token) and never by comparison (no timing oracle).
 */
export function digestOf(text: string): string {
  return hash('sha256', text, 'hex');
}

/**
 * The identity that quota is counted by. An issuer comes from the configuration and holds no NUL, so two different
 * pairs never share a subject.
 *
 * @returns 64 hex digits
 */
export function subjectOf(issuer: string, sub: string): string {
  return digestOf(`${issuer}\0${sub}`);
}
