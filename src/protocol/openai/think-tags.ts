/**
 * Reasoning that arrives as text between `<think>` and `</think>`, because the model server was started without a
 * reasoning parser (S-22). Only the beginning of an answer is looked at: later tags are prose or code.
 */
import type { ReplyEvent } from '../reply-events.ts';

export interface ThinkTagOptions {
  /**
   * Hold a text that begins without `<think>` until `</think>` comes or the answer ends: some templates open the
   * tag in the prompt, so the answer begins inside it. Such an answer is not streamed while it may be reasoning.
   */
  readonly unopened: boolean;
}

export interface ThinkTagReader {
  push(text: string): readonly ReplyEvent[];
  /** The text is over, or something else begins: yields what was held. */
  flush(): readonly ReplyEvent[];
}

const OPEN = '<think>';
const CLOSE = '</think>';

type State = 'beginning' | 'thinking' | 'unopened' | 'text';

export function createThinkTagReader(options: ThinkTagOptions): ThinkTagReader {
  let state: State = 'beginning';
  let held = '';

  const readBeginning = (): readonly ReplyEvent[] => {
    const start = held.trimStart();
    if (start.startsWith(OPEN)) {
      held = start.slice(OPEN.length);
      state = 'thinking';
      return readThinking();
    }
    if (OPEN.startsWith(start)) return [];
    state = options.unopened ? 'unopened' : 'text';
    return options.unopened ? readUnopened() : release('text');
  };

  const readThinking = (): readonly ReplyEvent[] => {
    const end = held.indexOf(CLOSE);
    if (end === -1) {
      const keep = lengthOfPartialTag(held);
      const ready = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return piece('reasoning', ready);
    }
    const before = piece('reasoning', held.slice(0, end));
    held = held.slice(end + CLOSE.length);
    state = 'text';
    return [...before, ...release('text')];
  };

  const readUnopened = (): readonly ReplyEvent[] => (held.includes(CLOSE) ? readThinking() : []);

  const release = (type: 'text' | 'reasoning'): readonly ReplyEvent[] => {
    const text = held;
    held = '';
    return piece(type, text);
  };

  const READERS: Readonly<Record<State, () => readonly ReplyEvent[]>> = {
    beginning: readBeginning,
    thinking: readThinking,
    unopened: readUnopened,
    text: () => release('text'),
  };

  return {
    push(text) {
      held += text;
      return READERS[state]();
    },
    flush() {
      const type = state === 'thinking' ? 'reasoning' : 'text';
      if (state !== 'thinking') state = 'text';
      return release(type);
    },
  };
}

function piece(type: 'text' | 'reasoning', text: string): readonly ReplyEvent[] {
  return text === '' ? [] : [{ type, text }];
}

/** How many characters at the end could be the beginning of `</think>`. */
function lengthOfPartialTag(text: string): number {
  for (let length = Math.min(CLOSE.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(CLOSE.slice(0, length))) return length;
  }
  return 0;
}
