/**
 * Tool calls that came as text: a model server without a tool parser passes on what the model wrote, and the client
 * waits in vain for a call (translation.md S-10). Only noticed; the text stays what it is.
 */
import type { ReplyFilter } from './stop-text.ts';

/** What Qwen, Hermes and their kin begin a call with, on a line of its own. */
const MARK = '\n<tool_call>';

/**
 * Makes the filter of one answer to a request with tools. An answer cut by its length limit is not told of: vLLM
 * hands a forced call over as text when it was cut.
 */
export function createToolTextNotice(notice: () => void): ReplyFilter {
  let tail = '\n';
  let marked = false;
  return (events) => {
    for (const event of events) {
      if (event.type === 'tool-start') marked = false;
      if (event.type === 'finish' && marked && event.reason !== 'length') notice();
      if (event.type !== 'text') continue;
      const text = tail + event.text;
      marked ||= text.includes(MARK);
      tail = text.slice(1 - MARK.length);
    }
    return events;
  };
}
