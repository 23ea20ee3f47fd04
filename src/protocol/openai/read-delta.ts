/** What a delta (or a whole message) says, in the many places where backends put it. */
import { asList, asObject, asText, isObject, type JsonObject } from '../json.ts';

export interface SaidPiece {
  readonly type: 'text' | 'reasoning';
  readonly text: string;
}

/** Reasoning and text of one delta, in that order (S-02); empty pieces left out. */
export function readSaid(delta: JsonObject): readonly SaidPiece[] {
  return [
    { type: 'reasoning' as const, text: readReasoning(delta) },
    ...readContent(delta.content),
    { type: 'text' as const, text: asText(delta.refusal) },
  ].filter((piece) => piece.text !== '');
}

/** vLLM and DeepSeek, Groq and Ollama, OpenRouter; where two fields carry the same text it counts once (S-20). */
function readReasoning(delta: JsonObject): string {
  return asText(delta.reasoning_content) || asText(delta.reasoning) || readDetails(delta.reasoning_details);
}

function readDetails(details: unknown): string {
  return asList(details)
    .map(asObject)
    .map((one) => asText(one.text) || asText(one.summary))
    .join('');
}

/** Mistral and others send content as a list of parts (S-06). */
function readContent(content: unknown): readonly SaidPiece[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return asList(content).map(asObject).map(readPart);
}

function readPart(part: JsonObject): SaidPiece {
  if (part.type === 'thinking') return { type: 'reasoning', text: textOf(part.thinking) };
  const isText = part.type === 'text' || part.type === 'output_text' || part.type === undefined;
  return { type: 'text', text: isText ? asText(part.text) : '' };
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return asList(value)
    .map((one) => (isObject(one) ? asText(one.text) : ''))
    .join('');
}
