/** Steps of items as events of a stream, each complete: strict readers want every field of them (codex.md §9). */
import { asText, type JsonObject } from '../json.ts';
import { type ItemKind, type ItemStep, summaryPart, textPart } from './items.ts';

/** Writes one event; numbers it. */
export type WriteFrame = (type: string, fields: JsonObject) => string;

interface Place {
  readonly item_id: string;
  readonly output_index: number;
}

/** What is said of one kind of item between its announcement and its end. */
interface Telling {
  readonly begin: (frame: WriteFrame, place: Place) => string;
  readonly delta: (frame: WriteFrame, place: Place, delta: string) => string;
  readonly end: (frame: WriteFrame, place: Place, text: string) => string;
}

const NOTHING = () => '';

/** A text within a part of the item. */
function partTelling(
  events: { readonly part: string; readonly text: string },
  at: JsonObject,
  toPart: (text: string) => JsonObject,
  more: JsonObject,
): Telling {
  return {
    begin: (frame, place) => frame(`${events.part}.added`, { ...place, ...at, part: toPart('') }),
    delta: (frame, place, delta) => frame(`${events.text}.delta`, { ...place, ...at, delta, ...more }),
    end: (frame, place, text) =>
      frame(`${events.text}.done`, { ...place, ...at, text, ...more }) +
      frame(`${events.part}.done`, { ...place, ...at, part: toPart(text) }),
  };
}

/** A text that is a field of the item. */
function fieldTelling(event: string, field: string): Telling {
  return {
    begin: NOTHING,
    delta: (frame, place, delta) => frame(`${event}.delta`, { ...place, delta }),
    end: (frame, place, text) => frame(`${event}.done`, { ...place, [field]: text }),
  };
}

const TELLINGS: Readonly<Record<ItemKind, Telling>> = {
  message: partTelling(
    { part: 'response.content_part', text: 'response.output_text' },
    { content_index: 0 },
    textPart,
    { logprobs: [] },
  ),
  reasoning: partTelling(
    { part: 'response.reasoning_summary_part', text: 'response.reasoning_summary_text' },
    { summary_index: 0 },
    summaryPart,
    {},
  ),
  function_call: fieldTelling('response.function_call_arguments', 'arguments'),
  custom_tool_call: fieldTelling('response.custom_tool_call_input', 'input'),
  tool_search_call: { begin: NOTHING, delta: NOTHING, end: NOTHING },
};

/** Numbers the items from 0. */
export function createItemFrames(frame: WriteFrame): (step: ItemStep) => string {
  let place: Place = { item_id: '', output_index: -1 };
  let telling: Telling = TELLINGS.message;
  /** Reasoning that is not shown has no part at all. */
  let hasBegun = false;

  const begin = (): string => {
    if (hasBegun) return '';
    hasBegun = true;
    return telling.begin(frame, place);
  };

  return (step) => {
    if (step.step === 'open') {
      place = { item_id: asText(step.item.id), output_index: place.output_index + 1 };
      telling = TELLINGS[step.kind];
      hasBegun = false;
      return frame('response.output_item.added', { output_index: place.output_index, item: step.item });
    }
    if (step.step === 'delta') return begin() + telling.delta(frame, place, step.text);
    const isEmpty = step.item.type === 'reasoning' && !hasBegun;
    const end = isEmpty ? '' : begin() + telling.end(frame, place, step.text);
    return end + frame('response.output_item.done', { output_index: place.output_index, item: step.item });
  };
}
