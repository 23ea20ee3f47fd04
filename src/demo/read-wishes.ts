/**
 * The few wishes that the demo model understands, read out of a prompt in plain English. Pure.
 */

export type Wish =
  | { readonly kind: 'write'; readonly path: string; readonly content: string }
  | { readonly kind: 'read'; readonly path: string }
  | { readonly kind: 'run'; readonly command: string };

/** Longer prompts are instructions of some program, not a wish in one breath. */
const LONGEST_PROMPT = 4000;

const FENCED = /```[^\n]*\n([\s\S]*?)\n?```/g;
const QUOTED = /"([^"]*)"|“([^”]*)”|`([^`\n]+)`|(?<=^|\s)'([^'\n]*)'(?=$|[\s.,;!?])/g;
/** Stands for the nth quoted text while the sentence around it is read. */
const MARK = '\u0001\\d+\u0001';

// "add" is left out on purpose: it asks to keep what a file holds, and the demo model only writes whole files.
const VERB = '(?:create|make|write|save|generate|put|store)';
const NEXT = '(?:create|make|write|save|read|show|print|display|run|execute|tell|open)';
const NAMED = '(?:(?:named|called|at|in|with (?:the )?name)\\s+)?';
const PATH = `(?!(?:containing|with|that|which|for|to|from|and)\\b)(?:${MARK}|[^\\s\u0001]+)`;
const DOTTED = `(?:${MARK}|[^\\s\u0001]*\\.\\w+)`;
const KIND = '(?:new|empty|simple|small|short|plain|single|text|markdown|json|python|html|test|demo)';
const THING = `(?:(?:an?|the|another|one|me)\\s+)*(?:${KIND}\\s+)*(?:file|script|document|note)`;

/** `create a file NAME …` */
const CREATE_FILE = new RegExp(
  `^${VERB}\\s+${THING}\\s+${NAMED}(?<path>${PATH})(?=$|[\\s,:;])(?<rest>[\\s\\S]*)$`,
  'i',
);
/** `create NAME.EXT …` */
const CREATE_NAMED = new RegExp(
  `^${VERB}\\s+(?:(?:an?|the|me)\\s+)*(?<path>${DOTTED})(?=$|[\\s,:;.!])(?<rest>[\\s\\S]*)$`,
  'i',
);
/** `write "TEXT" to NAME` and `create a file with the text TEXT called NAME` */
const PUT = new RegExp(
  `^${VERB}\\s+(?:${THING}(?=\\s))?(?<content>[\\s\\S]+?)\\s+(?:to|in|into|as|called|named)\\s+` +
    `(?:${THING}\\s+${NAMED})?(?<path>${DOTTED})(?=$|[\\s,:;.!])`,
  'i',
);
const CONTENT = new RegExp(
  '^[\\s,:;]*(?:(?:that|which|and)\\s+)?(?:containing|contains?|with|saying|says|reads?|holding|put)' +
    '(?:\\s+(?:in\\s+it|exactly|only|just|the|this|these|following|exact|single|an?))*' +
    '(?:\\s+(?:contents?|texts?|lines?|words?|string|body|message))?(?:\\s+(?:of|saying))?\\s*[:=]?\\s+' +
    '(?<content>[\\s\\S]+)$',
  'i',
);
const EMPTY = /\bempty\s+(?:\w+\s+)?(?:file|document|note|script)\b/i;
const TEXT = /^(?:the\s+)?(?:text|words?|line|content|string|sentence)\s+(?<content>[\s\S]+)$/i;
const READ = new RegExp(
  '^(?:read|open|cat|print|show|display|tell|what)(?:\\s+(?:me|back|us|out))*' +
    "(?:\\s+(?:what(?:'s|\\s+is)?|is|does|are))*(?:\\s+in)?" +
    '(?:\\s+(?:the\\s+)?contents?\\s+(?:of|in))?(?:\\s+(?:the|my|this)(?=\\s))?(?:\\s+file)?(?:\\s+(?:named|called))?' +
    `\\s+(?<path>it|${DOTTED})(?:\\s+(?:back|says?|contains?))?[\\s.,;!?]*$`,
  'i',
);
const RUN = new RegExp(
  `^(?:run|execute)(?:\\s+(?:the|this|a|command|shell|bash))*:?\\s+(?<command>${MARK})`,
  'i',
);
const POLITE =
  /^(?:(?:please|now|hey|hi|hello|ok|okay|so|can you|could you|would you|i want you to)[\s,]+)+/i;

/**
 * Reads what a prompt asks for, in order. `create a file hello.txt containing Hello World and read it` is two wishes.
 * An empty list: nothing that the demo model can do.
 */
export function readWishes(prompt: string): readonly Wish[] {
  if (prompt.length > LONGEST_PROMPT) return [];
  const quotes: Quote[] = [];
  const keep = (raw: string, inner: string): string => `\u0001${quotes.push({ raw, inner }) - 1}\u0001`;
  const masked = prompt
    .replaceAll('\u0001', '')
    .replaceAll(FENCED, keep)
    .replaceAll(QUOTED, (raw, ...groups: (string | undefined)[]) => keep(raw, groups.slice(0, 4).join('')));
  const unmask: Unmask = (text, part) =>
    text.replaceAll(new RegExp(MARK, 'g'), (mark) => quotes[Number(mark.slice(1, -1))]?.[part] ?? '');
  const clauses = masked.split(
    new RegExp(
      `(?:[\\s,;.!]+(?:and\\s+then|then|and|afterwards)|[.;!]|\\n)[\\s,]+(?=(?:please\\s+)?${NEXT}\\b)`,
      'i',
    ),
  );
  const wishes: Wish[] = [];
  for (const clause of clauses) {
    const before = wishes.at(-1);
    const wish = readClause(clause.trim().replace(POLITE, ''), before, unmask);
    // "read it and tell me what it says" is one wish.
    if (wish !== null && JSON.stringify(wish) !== JSON.stringify(before)) wishes.push(wish);
  }
  return wishes;
}

/** A text in quotation marks, with and without them. */
interface Quote {
  readonly raw: string;
  readonly inner: string;
}

type Unmask = (text: string, part: keyof Quote) => string;

function readClause(clause: string, before: Wish | undefined, unmask: Unmask): Wish | null {
  const command = RUN.exec(clause)?.groups?.command;
  if (command !== undefined) return { kind: 'run', command: unmask(command, 'inner') };
  const read = READ.exec(clause)?.groups?.path;
  if (read === undefined) return readWrite(clause, unmask);
  if (read.toLowerCase() !== 'it') return { kind: 'read', path: pathOf(read, unmask) };
  return before === undefined || before.kind === 'run' ? null : { kind: 'read', path: before.path };
}

function readWrite(clause: string, unmask: Unmask): Wish | null {
  const create = CREATE_FILE.exec(clause)?.groups ?? CREATE_NAMED.exec(clause)?.groups;
  if (create?.path === undefined) return readPut(clause, unmask);
  const path = pathOf(create.path, unmask);
  const content = CONTENT.exec(create.rest ?? '')?.groups?.content;
  if (content !== undefined) return { kind: 'write', path, content: contentOf(content, unmask) };
  if (EMPTY.test(clause)) return { kind: 'write', path, content: '' };
  // "make main.py faster" and "create main.py" leave the content to a real model; what exists is not overwritten.
  return readPut(clause, unmask);
}

/** An unquoted text must be called one: "write unit tests to a.test.ts" names a task, not a text. */
function readPut(clause: string, unmask: Unmask): Wish | null {
  const put = PUT.exec(clause)?.groups;
  const said = put?.content?.trim();
  if (put?.path === undefined || said === undefined) return null;
  const content =
    CONTENT.exec(said)?.groups?.content ??
    TEXT.exec(said)?.groups?.content ??
    (new RegExp(`^${MARK}$`).test(said) ? said : null);
  if (content === null) return null;
  return { kind: 'write', path: pathOf(put.path, unmask), content: contentOf(content, unmask) };
}

/** A quoted text counts exactly; an unquoted one without the full stop that ends its sentence. */
function contentOf(text: string, unmask: Unmask): string {
  const quoted = new RegExp(`^\\s*${MARK}`).exec(text);
  return quoted === null ? unmask(text.trim().replace(/\.$/, ''), 'raw') : unmask(quoted[0].trim(), 'inner');
}

const pathOf = (text: string, unmask: Unmask): string => unmask(text, 'inner').replace(/[.,;:!?]+$/, '');
