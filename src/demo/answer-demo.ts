/**
 * What the demo model says: a small fixed program, not an AI. Pure.
 */
import type { DemoCall, DemoRequest, DemoTool } from './conversation.ts';
import { fillSchema } from './fill-schema.ts';
import { findCall, kindOfTool, type MadeCall } from './find-tool.ts';
import { readWishes, type Wish } from './read-wishes.ts';

export interface DemoAnswer {
  readonly text: string;
  /** Tool calls to make; the answer goes on when their results are there. */
  readonly calls: readonly MadeCall[];
  /** The text was cut at the wanted number of tokens. */
  readonly cut: boolean;
}

/** Estimated, as the demo model has no tokenizer. */
const CHARACTERS_PER_TOKEN = 4;
/** A tool loop longer than this is going in circles. */
const MOST_CALLS = 12;

const FAILED = /^\s*(?:error\b|<tool_use_error>)/i;
/** How Claude Code's Write may refuse to replace a file that was not read in this session. */
const UNREAD = /not been read/i;
const TITLE = /^(?:please )?(?:generate|write|give|create|suggest|come up with)\b[^.\n]{0,60}\btitle\b/i;
const TEXT_ONLY = /respond with text only/i;

/** Estimates the tokens of so many characters. */
export function estimateTokens(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN);
}

/** The demo model's answer to a request. Equal requests get equal answers. */
export function answerDemo(request: DemoRequest): DemoAnswer {
  const forced = forcedTool(request);
  if (forced !== null) return calling(forced);
  if (request.schema !== null)
    return saying(JSON.stringify(fillSchema(request.schema, words(request))), request);
  const wishes = TEXT_ONLY.test(request.prompt) ? [] : readWishes(request.prompt);
  const next = request.toolChoice === 'none' ? null : nextCall(request, wishes);
  return next === null ? saying(finalText(request, wishes), request) : calling(next);
}

function calling(call: MadeCall): DemoAnswer {
  return { text: '', calls: [call], cut: false };
}

function saying(text: string, request: DemoRequest): DemoAnswer {
  const most = (request.maxTokens ?? Number.POSITIVE_INFINITY) * CHARACTERS_PER_TOKEN;
  return { text: text.slice(0, most), calls: [], cut: text.length > most };
}

const shortTitle = (prompt: string): string => `Demo: ${excerpt(prompt, 32)}`;

const words =
  (request: DemoRequest) =>
  (property: string): string =>
    /title|name|subject/i.test(property) ? shortTitle(request.prompt) : 'demo';

/** A call that the client insists on, made once: it grants the prompt's wish if it can, else it is filled minimally. */
function forcedTool(request: DemoRequest): MadeCall | null {
  const { toolChoice, tools } = request;
  if (toolChoice === 'auto' || toolChoice === 'none') return null;
  const offered = toolChoice === 'required' ? tools : tools.filter((tool) => tool.name === toolChoice.name);
  const wish = readWishes(request.prompt)[0];
  const granted = wish === undefined ? null : findCall(offered, absolute(wish, request));
  if (granted !== null) return granted;
  const [first] = offered;
  return first === undefined ? null : { name: first.name, arguments: leastArguments(first, request) };
}

const leastArguments = (tool: DemoTool, request: DemoRequest): Record<string, unknown> =>
  fillSchema({ ...tool.schema, type: 'object' }, words(request)) as Record<string, unknown>;

/** The first wish that no call has granted yet, as a call; `null` when there is nothing to call. */
function nextCall(request: DemoRequest, wishes: readonly Wish[]): MadeCall | null {
  const last = request.calls.at(-1);
  if (request.calls.length >= MOST_CALLS) return null;
  if (last !== undefined && hasFailed(last)) return afterFailure(request, last, wishes);
  const granted = request.calls.filter((call) => !hasFailed(call));
  for (const wish of wishes) {
    const call = findCall(request.tools, absolute(wish, request));
    if (call === null) return null;
    const index = granted.findIndex((made) => sameCall(made, call));
    if (index === -1) return call;
    granted.splice(0, index + 1);
  }
  return null;
}

/** A file that must be read before it is replaced is read; any other failure ends the loop. */
function afterFailure(request: DemoRequest, failed: DemoCall, wishes: readonly Wish[]): MadeCall | null {
  if (!UNREAD.test(failed.result ?? '')) return null;
  const meant = wishes
    .filter((wish) => wish.kind === 'write')
    .map((wish) => absolute(wish, request))
    .find((wish) => {
      const call = findCall(request.tools, wish);
      return call !== null && sameCall(failed, call);
    });
  if (meant?.kind !== 'write') return null;
  return findCall(request.tools, { kind: 'read', path: meant.path });
}

const hasFailed = (call: DemoCall): boolean => FAILED.test(call.result ?? '');

/** Alike in all that the demo model said; a client may add defaults of its own. */
const sameCall = (made: DemoCall, call: MadeCall): boolean =>
  made.name === call.name &&
  Object.entries(call.arguments).every(
    ([name, value]) => JSON.stringify(made.arguments[name]) === JSON.stringify(value),
  );

/** The wish with its path made absolute, where the conversation tells the working directory. */
function absolute(wish: Wish, request: DemoRequest): Wish {
  if (wish.kind === 'run' || request.workingDirectory === null) return wish;
  if (/^(?:[/\\~]|[A-Za-z]:)/.test(wish.path)) return wish;
  const separator = /^[A-Za-z]:\\/.test(request.workingDirectory) ? '\\' : '/';
  const directory = request.workingDirectory.replace(/[/\\]$/, '');
  return { ...wish, path: `${directory}${separator}${wish.path.replace(/^\.[/\\]/, '')}` };
}

function finalText(request: DemoRequest, wishes: readonly Wish[]): string {
  const reports = request.calls.filter((call) => call.result !== null).map(reportCall);
  if (reports.length > 0) return `${reports.join('\n\n')}\n\n(This is the demo model, not an AI.)`;
  if (TITLE.test(request.prompt)) return shortTitle(request.prompt);
  const [wish] = wishes;
  const unable =
    wish === undefined
      ? ''
      : `I understood that I should ${SAID[wish.kind]}, but no tool for it is on offer. `;
  return `${INTRODUCTION} You wrote: "${excerpt(request.prompt, 80)}". ${unable}${WHAT_NEXT}`;
}

const SAID: Readonly<Record<Wish['kind'], string>> = {
  write: 'write a file',
  read: 'read a file',
  run: 'run a command',
};

const INTRODUCTION =
  'This is the demo model that is built into the LLM gateway: a small program with fixed answers, not an AI.';

const WHAT_NEXT =
  'With tools at hand I can create a file ("create a file hello.txt containing Hello World"), read one, or run a ' +
  'command (run `date`). For a real model set INTERNAL_LLM_URL (vLLM, KServe), CLAUDE_API_KEY or OPENAI_API_KEY ' +
  'and start the gateway again.';

function reportCall(call: DemoCall): string {
  const said = excerptLines(call.result ?? '', 2000);
  const path = Object.values(call.arguments).find((value) => typeof value === 'string');
  if (hasFailed(call)) return `The tool ${call.name} failed: ${said}`;
  const kind = kindOfTool(call.name);
  if (kind === 'write') return `I wrote the file ${path}. The tool ${call.name} says: ${said}`;
  if (kind === 'read') return `The file ${path} contains:\n\n${said}`;
  return `The tool ${call.name} answered:\n\n${said}`;
}

/** The beginning of a text on one line. */
function excerpt(text: string, length: number): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= length ? line : `${line.slice(0, length).trimEnd()}…`;
}

const excerptLines = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length)}…`;
