/**
 * Whether JSON text that arrives in pieces is a whole value yet: counts brackets and knows strings, so that a long
 * argument is not parsed again with every piece.
 */
export interface JsonProgress {
  add(piece: string): void;
  /** An object, list or string has been closed. Numbers and words never count: more of them may follow. */
  isWhole(): boolean;
}

export function createJsonProgress(): JsonProgress {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let whole = false;

  const readInString = (character: string): void => {
    if (escaped) escaped = false;
    else if (character === '\\') escaped = true;
    else if (character === '"') {
      inString = false;
      whole ||= depth === 0;
    }
  };

  const readOutside = (character: string): void => {
    if (character === '"') inString = true;
    else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') {
      depth--;
      whole ||= depth <= 0;
    }
  };

  return {
    add(piece) {
      for (let i = 0; i < piece.length && !whole; i++) {
        const character = piece.charAt(i);
        if (inString) readInString(character);
        else readOutside(character);
      }
    },
    isWhole: () => whole,
  };
}
