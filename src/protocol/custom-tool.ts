/**
 * Tools that take free text: for backends that know functions only, one of a single string. A grammar can only be
 * described (O-13).
 */
import type { Tool } from './conversation.ts';
import { asObject, asText, parseJson } from './json.ts';

/** What a client declares of such a tool. */
export interface CustomTool {
  readonly name: string;
  readonly description: string;
  /** `definition` is empty where any text will do. */
  readonly grammar: { readonly syntax: string; readonly definition: string };
}

/** The function that stands for the tool. */
export function toCustomFunction({ name, description, grammar }: CustomTool): Tool {
  const { syntax, definition } = grammar;
  const rule = definition === '' ? '' : `The input must follow this ${syntax} grammar:\n${definition}`;
  return {
    name,
    description: [description, rule].filter((text) => text !== '').join('\n\n') || null,
    schema: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
    strict: false,
    custom: true,
  };
}

/** The text that the tool is called with, or what came instead of it. */
export function readCustomInput(json: string): string {
  const { input } = asObject(parseJson(json));
  return input === undefined ? json : asText(input);
}

/** Arguments of the function that stands for the tool. */
export const writeCustomInput = (input: string): string => JSON.stringify({ input });
