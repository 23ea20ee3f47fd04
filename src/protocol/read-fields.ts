/** What the readers of all dialects share: refusals with a path, and notes of what was left out. */
import { GatewayError } from '../errors.ts';

/** Names of what was left out; no prompt text and no positions, so that metrics stay few (P11). */
export type Notes = Set<string>;

/** A refusal that names the place, in Anthropic's own form: `messages.0.content.1: expected …`. */
export function invalid(path: string, expectation: string): GatewayError {
  return new GatewayError('invalid_request', `${path}: ${expectation}`);
}

/** A note for a thing whose name the client chose: shown only where it looks like a name. */
export function noteOf(...names: readonly string[]): string {
  return names.map((name) => (/^[\w.-]{1,64}$/.test(name) ? name : 'unnamed')).join('.');
}

interface Primitives {
  boolean: boolean;
  number: number;
  string: string;
}

/**
 * An optional field of one primitive type; `null` counts as absent.
 *
 * @throws GatewayError `invalid_request` when it has another type
 */
export function optional<T extends keyof Primitives>(
  value: unknown,
  path: string,
  type: T,
): Primitives[T] | undefined {
  if (value === undefined || value === null) return undefined;
  const is: string = typeof value;
  if (is !== type) throw invalid(path, `expected a ${type}`);
  return value as Primitives[T];
}

/**
 * A name or an id, which must be there.
 *
 * @throws GatewayError `invalid_request` for anything else than a string that is not empty
 */
export function readName(value: unknown, path: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(path, 'expected a string that is not empty');
  return value;
}
