/**
 * Reads what a TypeScript source imports and which process-wide names it uses, by its text alone. Comments and the
 * insides of strings, templates and regular expressions are not code and are blanked first, so that an import that
 * only appears in a text is not taken for one.
 */

/** One import, re-export or dynamic import. */
export interface Import {
  /** The specifier as written; `null` where it is computed and cannot be read. */
  readonly specifier: string | null;
  readonly line: number;
}

/** A source with everything that is not code blanked. Strings are kept apart: `"3"` in `text` is `strings[3]`. */
export interface Code {
  readonly text: string;
  readonly strings: readonly string[];
}

/** Words after which a slash begins a regular expression, not a division. */
const BEFORE_REGEX =
  /(?:^|[=(,:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|await|yield|void|delete))\s*$/;

/** Blanks comments, strings, templates (their `${}` code stays) and regular expressions; keeps line breaks. */
export function toCode(source: string): Code {
  const strings: string[] = [];
  let text = '';
  let at = 0;
  /** Depths of braces at which an open template goes on. */
  const templates: number[] = [];
  let depth = 0;

  const skipTo = (end: number) => {
    text += source.slice(at, end).replace(/[^\n]/g, ' ');
    at = end;
  };
  const endOf = (needle: string, from: number) => {
    const found = source.indexOf(needle, from);
    return found < 0 ? source.length : found + needle.length;
  };
  const quoteEnd = (quote: string, from: number) => {
    let end = from;
    while (end < source.length && source[end] !== quote) end += source[end] === '\\' ? 2 : 1;
    return end;
  };
  const template = (from: number) => {
    let end = from;
    while (end < source.length) {
      if (source[end] === '`') return skipTo(end + 1);
      if (source.startsWith('${', end)) {
        skipTo(end + 2);
        text += '(';
        templates.push(depth);
        return;
      }
      end += source[end] === '\\' ? 2 : 1;
    }
    skipTo(source.length);
  };
  const regexEnd = (from: number) => {
    let inClass = false;
    let end = from;
    for (; end < source.length && source[end] !== '\n'; end++) {
      if (source[end] === '\\') end++;
      else if (source[end] === '[') inClass = true;
      else if (source[end] === ']') inClass = false;
      else if (source[end] === '/' && !inClass) return end + 1;
    }
    return end;
  };

  while (at < source.length) {
    const char = source[at] as string;
    if (source.startsWith('//', at))
      skipTo(source.indexOf('\n', at) < 0 ? source.length : source.indexOf('\n', at));
    else if (source.startsWith('/*', at)) skipTo(endOf('*/', at + 2));
    else if (char === "'" || char === '"') {
      const end = quoteEnd(char, at + 1);
      text += `"${strings.push(source.slice(at + 1, end)) - 1}"`;
      at = end + 1;
    } else if (char === '`') template(at + 1);
    else if (char === '/' && BEFORE_REGEX.test(text.slice(-40))) skipTo(regexEnd(at + 1));
    else if (char === '}' && templates.at(-1) === depth) {
      templates.pop();
      text += ')';
      template(at + 1);
    } else {
      if (char === '{') depth++;
      if (char === '}') depth--;
      text += char;
      at++;
    }
  }
  return { text, strings };
}

const STATIC = /\b(?:import|export)\b(?:\s+type\b)?[\s\w$*{},]*?\bfrom\s*"(\d+)"/g;
const BARE = /\bimport\s*"(\d+)"/g;
const DYNAMIC = /(?<![.\w$])(?:import|require)\s*\(\s*(?:"(\d+)"\s*[,)])?/g;

/** Everything that a source imports: static, type-only, re-exported, `import()` and `require()`. */
export function importsOf(code: Code): Import[] {
  return [STATIC, BARE, DYNAMIC]
    .flatMap((pattern) => [...code.text.matchAll(pattern)])
    .map((match) => ({
      specifier: match[1] === undefined ? null : (code.strings[Number(match[1])] ?? null),
      line: lineAt(code, match.index),
    }))
    .sort((a, b) => a.line - b.line);
}

/** Lines of code on which a pattern is found. */
export function linesWith(code: Code, pattern: RegExp): number[] {
  return [...code.text.matchAll(new RegExp(pattern, 'g'))].map((match) => lineAt(code, match.index));
}

function lineAt(code: Code, index: number): number {
  return code.text.slice(0, index).split('\n').length;
}
