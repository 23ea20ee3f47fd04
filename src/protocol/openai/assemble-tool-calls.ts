/**
 * Tool calls put together from fragments. Backends disagree on everything about them: index missing, shared or not
 * from 0, id late, empty or changing, name repeated, in pieces or late, arguments as objects (S-30 to S-42).
 */
import { asList, asObject, asText, isObject, type JsonObject, writeArguments } from '../json.ts';
import { createJsonProgress, type JsonProgress } from '../json-progress.ts';
import type { ReplyEvent } from '../reply-events.ts';

export interface ToolCallOptions {
  /** Names of the tools sent; tells a name that comes in pieces from one that is repeated. */
  readonly toolNames?: ReadonlySet<string> | undefined;
  /** Every fragment repeats the arguments from their beginning (S-36). */
  readonly cumulativeArguments?: boolean | undefined;
}

export interface ToolCallAssembler {
  /** Fragments of one chunk: `delta.tool_calls`, and `delta.function_call` of old backends. */
  push(delta: JsonObject): readonly ReplyEvent[];
  /** The answer is over: calls that never had arguments begin now; calls without a name are left out. */
  end(): readonly ReplyEvent[];
}

interface Call {
  readonly key: string;
  id: string;
  /** The first piece of the name; complete with nearly every backend. */
  name: string;
  /** All pieces that were no repetition, put together. */
  joinedName: string;
  started: boolean;
  /** Arguments that came before the name. */
  waiting: string;
  hasArguments: boolean;
  /** All arguments so far; kept only where fragments repeat them. */
  said: string;
  readonly progress: JsonProgress;
}

interface Fragment {
  readonly index: number | null;
  readonly id: string;
  readonly name: string;
  readonly json: string;
}

/**
 * Puts calls together and gives each its own key. In a whole message every entry is a call of its own: give it its
 * place as `index`.
 */
export function createToolCallAssembler(options: ToolCallOptions = {}): ToolCallAssembler {
  const calls: Call[] = [];
  const byIndex = new Map<number, Call>();

  const open = (fragment: Fragment): Call => {
    const call = createCall(String(calls.length));
    calls.push(call);
    if (fragment.index !== null) byIndex.set(fragment.index, call);
    return call;
  };

  const current = (fragment: Fragment): Call | undefined =>
    fragment.index === null ? findWithoutIndex(calls, fragment) : byIndex.get(fragment.index);

  /** What a fragment adds to its call. */
  const addition = (call: Call | undefined, fragment: Fragment): Fragment => {
    if (options.cumulativeArguments !== true || call === undefined) return fragment;
    if (!fragment.json.startsWith(call.said)) return fragment;
    return { ...fragment, json: fragment.json.slice(call.said.length) };
  };

  /**
   * Some backends number all parallel calls 0 (S-34). A new id with a name begins another call; a new id alone
   * does not, because some send a fresh one with every chunk; an empty id or name says nothing at all.
   */
  const beginsAnother = (current: Call, { id, name, json }: Fragment): boolean => {
    if (name === '') return false;
    if (id !== '' && current.id !== '') return id !== current.id;
    if (name !== current.name && isTool(name) && isTool(current.name)) return true;
    return current.progress.isWhole() && (name !== current.name || json !== '');
  };

  const isTool = (name: string): boolean => options.toolNames?.has(name) ?? false;

  const start = (call: Call): readonly ReplyEvent[] => {
    call.started = true;
    const name = isTool(call.joinedName) ? call.joinedName : call.name;
    const { key, id, waiting } = call;
    call.waiting = '';
    const begin: ReplyEvent = { type: 'tool-start', key, id, name };
    return waiting === '' ? [begin] : [begin, { type: 'tool-arguments', key, json: waiting }];
  };

  /** Calls begin in their order, so one that has nothing but its name begins before a later one speaks. */
  const startUpTo = (last: Call): readonly ReplyEvent[] =>
    calls
      .slice(0, calls.indexOf(last) + 1)
      .filter((call) => !call.started && call.name !== '')
      .flatMap(start);

  const take = (given: Fragment): readonly ReplyEvent[] => {
    const known = current(given);
    const fragment = addition(known, given);
    const call = known === undefined || beginsAnother(known, fragment) ? open(given) : known;
    takeName(call, fragment.name);
    if (call.id === '') call.id = fragment.id;
    if (fragment.json === '') return [];
    call.hasArguments = true;
    call.progress.add(fragment.json);
    if (options.cumulativeArguments === true) call.said += fragment.json;
    if (call.started) return [{ type: 'tool-arguments', key: call.key, json: fragment.json }];
    call.waiting += fragment.json;
    return call.name === '' ? [] : startUpTo(call);
  };

  return {
    push: (delta) => readFragments(delta).flatMap(take),
    end: () => calls.filter((call) => !call.started && call.name !== '').flatMap(start),
  };
}

function createCall(key: string): Call {
  const progress = createJsonProgress();
  return {
    key,
    id: '',
    name: '',
    joinedName: '',
    started: false,
    waiting: '',
    hasArguments: false,
    said: '',
    progress,
  };
}

/** Later pieces count only before the first arguments, and never where they repeat the name (S-32). */
function takeName(call: Call, name: string): void {
  if (name === '' || name === call.name) return;
  if (call.name === '') call.name = name;
  if (!call.hasArguments) call.joinedName += name;
}

/** Without an index the id tells; without either it is the call before (S-33). */
function findWithoutIndex(calls: readonly Call[], { id, name }: Fragment): Call | undefined {
  const byId = id === '' ? undefined : calls.findLast((call) => call.id === id);
  if (byId !== undefined) return byId;
  return id !== '' && name !== '' ? undefined : calls.at(-1);
}

/** The id by which a backend says "none" in later fragments: Mistral sends the word. */
const NO_ID = 'null';

function readFragments(delta: JsonObject): readonly Fragment[] {
  const legacy = isObject(delta.function_call) ? [toFragment({}, delta.function_call)] : [];
  const calls = asList(delta.tool_calls).map(asObject);
  return [...calls.map((call) => toFragment(call, asObject(call.function))), ...legacy];
}

function toFragment(call: JsonObject, called: JsonObject): Fragment {
  const id = asText(call.id);
  return {
    index: typeof call.index === 'number' ? call.index : null,
    id: id === NO_ID ? '' : id,
    name: asText(called.name),
    json: toJsonText(called.arguments),
  };
}

/** Arguments are JSON text, but some backends send the value itself (S-35). */
function toJsonText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : writeArguments(value);
}
