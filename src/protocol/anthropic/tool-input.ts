/**
 * Tool arguments that are no JSON object, which is the only thing that a tool takes. Seen from vLLM under
 * `tool_choice: required`: `true`, `-`, `[`, whole sentences.
 */
import { isObject, type JsonObject, parseArguments } from '../json.ts';

/** Whether arguments can still become an object, as far as they have come. */
export function beginsObject(json: string): boolean {
  return json.trimStart().startsWith('{');
}

/** The object to send for arguments that do not begin one; none at all mean an empty object (S-37). */
export function toObjectText(json: string): string {
  const value = json.trim() === '' ? null : parseArguments(json);
  if (value === null) return '{}';
  // Some backends encode arguments twice (S-39).
  if (typeof value === 'string' && isObject(parseArguments(value))) return value;
  return JSON.stringify(unparsed(json));
}

/**
 * Broken arguments are never repaired, because a repaired `rm` is another command. They go to the client as they are,
 * under a name that no tool knows, so that its own check refuses them and the model is told (S-38, S-43).
 */
export function unparsed(json: string): JsonObject {
  return { __unparsed_arguments: json };
}
