/**
 * What a legal Responses stream is, written from codex.md §4, §7 and §9 and independent of the encoder: it checks and
 * adds up a stream as strictly as Codex, the Agents SDK and the openresponses suite together.
 */
import assert from 'node:assert/strict';

type Json = Record<string, unknown>;

/** A stream, checked and added up. */
export interface ResponsesStream {
  /** Finished items, in order. */
  readonly items: readonly Json[];
  /** The response of the last event. */
  readonly response: Json | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly usage: Json | null;
  readonly ending: 'completed' | 'incomplete' | 'failed' | 'open';
}

interface OpenItem {
  readonly index: number;
  readonly announced: Json;
  /** Part announced, and not closed yet. */
  part: 'none' | 'open' | 'closed';
  text: string;
  isTextDone: boolean;
}

const KEYS = [
  'id',
  'object',
  'created_at',
  'completed_at',
  'status',
  'incomplete_details',
  'model',
  'previous_response_id',
  'instructions',
  'output',
  'error',
  'tools',
  'tool_choice',
  'truncation',
  'parallel_tool_calls',
  'text',
  'top_p',
  'presence_penalty',
  'frequency_penalty',
  'top_logprobs',
  'temperature',
  'reasoning',
  'usage',
  'max_output_tokens',
  'max_tool_calls',
  'store',
  'background',
  'service_tier',
  'metadata',
  'safety_identifier',
  'prompt_cache_key',
];

const PREFIXES: Readonly<Record<string, RegExp>> = {
  message: /^msg_/,
  reasoning: /^rs_/,
  function_call: /^fc_/,
  custom_tool_call: /^ctc_/,
  tool_search_call: /^tsc_/,
};

/** Events of a text within an item: how they are called, and which item they belong to. */
const TEXTS: Readonly<Record<string, { readonly item: string; readonly hasPart: boolean }>> = {
  'response.output_text': { item: 'message', hasPart: true },
  'response.reasoning_summary_text': { item: 'reasoning', hasPart: true },
  'response.function_call_arguments': { item: 'function_call', hasPart: false },
  'response.custom_tool_call_input': { item: 'custom_tool_call', hasPart: false },
};

/** Checks a stream that has ended. */
export function readWholeResponses(text: string): ResponsesStream {
  const stream = readResponses(text);
  assert.notEqual(stream.ending, 'open', 'the stream must end');
  return stream;
}

/** Checks a stream or the beginning of one. */
export function readResponses(text: string): ResponsesStream {
  assert.ok(text === '' || text.endsWith('\n\n'), 'no half frame may be sent');
  const reader = createReader();
  for (const [number, frame] of text.split('\n\n').slice(0, -1).entries()) {
    const [, name = '', data = ''] = /^event: (\S+)\ndata: (\{[^\n\r]*\})$/.exec(frame) ?? [];
    assert.notEqual(name, '', `one event line and one data line: ${frame.slice(0, 200)}`);
    const event = JSON.parse(data) as Json;
    assert.equal(event.type, name, 'the event line says the type');
    assert.equal(event.sequence_number, number, 'sequence numbers count up from 0');
    reader.read(name, event);
  }
  return reader.result();
}

function createReader() {
  const items: Json[] = [];
  const ids = new Set<unknown>();
  const callIds = new Set<unknown>();
  let response: Json | null = null;
  let open: OpenItem | null = null;
  let ending: ResponsesStream['ending'] = 'open';
  let isInProgress = false;

  const readHead = (event: Json, status: string): Json => {
    const given = event.response as Json;
    for (const key of KEYS) assert.ok(key in given, `the response has ${key}`);
    assert.equal(given.object, 'response');
    assert.equal(given.status, status);
    assert.match(String(given.id), /^resp_/);
    if (response !== null) {
      const { id, model, created_at } = response;
      assert.deepEqual([given.id, given.model, given.created_at], [id, model, created_at], 'one response');
    }
    response = given;
    return given;
  };

  const openItem = (event: Json): void => {
    assert.ok(isInProgress, 'items follow response.in_progress');
    assert.equal(open, null, 'one item at a time');
    const item = event.item as Json;
    assert.equal(event.output_index, items.length, 'indices count up from 0');
    assert.match(String(item.id), PREFIXES[String(item.type)] ?? /^$/);
    assert.ok(!ids.has(item.id), 'ids are unique');
    ids.add(item.id);
    if (item.call_id !== undefined) {
      assert.match(String(item.call_id), /^[A-Za-z0-9_-]{1,64}$/);
      assert.ok(!callIds.has(item.call_id), 'call ids are unique');
      callIds.add(item.call_id);
    }
    open = { index: items.length, announced: item, part: 'none', text: '', isTextDone: false };
  };

  const current = (event: Json): OpenItem => {
    assert.ok(open !== null, `${event.type} belongs to an open item`);
    assert.equal(event.item_id, open.announced.id);
    assert.equal(event.output_index, open.index);
    return open;
  };

  const readPart = (event: Json, step: string): void => {
    const item = current(event);
    const place = item.announced.type === 'message' ? event.content_index : event.summary_index;
    assert.equal(place, 0);
    const part = event.part as Json;
    assert.equal(part.type, item.announced.type === 'message' ? 'output_text' : 'summary_text');
    if (part.type === 'output_text') assert.deepEqual([part.annotations, part.logprobs], [[], []]);
    assert.equal(item.part, step === 'added' ? 'none' : 'open');
    assert.equal(part.text, step === 'added' ? '' : item.text);
    assert.equal(item.isTextDone, step !== 'added');
    item.part = step === 'added' ? 'open' : 'closed';
  };

  const readText = (event: Json, name: string, step: string): void => {
    const item = current(event);
    const row = TEXTS[name];
    assert.ok(row !== undefined, `unknown event ${name}`);
    assert.equal(item.announced.type, row.item);
    assert.equal(item.part, row.hasPart ? 'open' : 'none');
    assert.equal(item.isTextDone, false, 'nothing follows the end of a text');
    if (name === 'response.output_text') assert.deepEqual(event.logprobs, []);
    if (step === 'delta') {
      assert.ok(typeof event.delta === 'string' && event.delta !== '');
      item.text += event.delta;
      return;
    }
    assert.equal(event.text ?? event.arguments ?? event.input, item.text);
    item.isTextDone = true;
  };

  const closeItem = (event: Json): void => {
    assert.ok(open !== null, 'only an open item is done');
    const item = event.item as Json;
    const { id, type, call_id, name, namespace } = open.announced;
    assert.deepEqual(
      [item.id, item.type, item.call_id, item.name, item.namespace],
      [id, type, call_id, name, namespace],
    );
    assert.equal(event.output_index, open.index);
    assert.notEqual(open.part, 'open', 'its part is done first');
    assert.equal(textIn(item), open.text, 'its deltas are the whole of it');
    items.push(item);
    open = null;
  };

  const end = (event: Json, status: 'completed' | 'incomplete' | 'failed'): void => {
    const given = readHead(event, status);
    ending = status;
    if (status === 'failed') {
      const { code, message } = given.error as Json;
      assert.ok(typeof code === 'string' && typeof message === 'string' && message !== '');
    } else {
      assert.equal(open, null, 'every item is done');
      assert.equal(given.error, null);
    }
    assert.deepEqual(given.output, items, 'the ending repeats the items');
    checkUsage(given.usage as Json);
    const reason = (given.incomplete_details as Json | null)?.reason ?? null;
    assert.equal(reason, status === 'incomplete' ? 'max_output_tokens' : null);
  };

  const readers: Readonly<Record<string, (event: Json) => void>> = {
    'response.in_progress': (event) => {
      isInProgress = true;
      readHead(event, 'in_progress');
    },
    'response.output_item.added': openItem,
    'response.output_item.done': closeItem,
    'response.completed': (event) => end(event, 'completed'),
    'response.incomplete': (event) => end(event, 'incomplete'),
    'response.failed': (event) => end(event, 'failed'),
  };

  return {
    read(type: string, event: Json): void {
      assert.equal(ending, 'open', 'nothing may follow the ending');
      if (type === 'response.created') {
        assert.equal(response, null, 'created comes first and once');
        readHead(event, 'in_progress');
        return;
      }
      assert.ok(response !== null || type === 'response.failed', 'created comes first');
      const readEvent = readers[type];
      if (readEvent !== undefined) {
        readEvent(event);
        return;
      }
      const [, name = '', step = ''] = /^(.*)\.(added|delta|done)$/.exec(type) ?? [];
      if (name.endsWith('_part')) readPart(event, step);
      else readText(event, name, step);
    },
    result(): ResponsesStream {
      const failed = ending === 'failed' ? (response?.error as ResponsesStream['error']) : null;
      const usage = (response?.usage ?? null) as Json | null;
      return { items, response, error: failed, usage, ending };
    },
  };
}

/** What the deltas of a finished item add up to. */
function textIn(item: Json): unknown {
  if (item.type === 'message') {
    const [part, ...more] = item.content as Json[];
    assert.deepEqual(more, []);
    assert.equal(part?.type, 'output_text');
    return part?.text;
  }
  if (item.type === 'reasoning') {
    const [part, ...more] = item.summary as Json[];
    assert.deepEqual(more, []);
    return part?.text ?? '';
  }
  if (item.type === 'function_call') {
    assert.equal(typeof item.arguments, 'string');
    return item.arguments;
  }
  if (item.type === 'custom_tool_call') return item.input;
  assert.ok(typeof item.arguments === 'object' && item.arguments !== null, 'a search has an object');
  return '';
}

function checkUsage(usage: Json): void {
  const { input_tokens, output_tokens, total_tokens, input_tokens_details, output_tokens_details } = usage;
  const { cached_tokens } = input_tokens_details as Json;
  const { reasoning_tokens } = output_tokens_details as Json;
  for (const count of [input_tokens, output_tokens, total_tokens, cached_tokens, reasoning_tokens]) {
    assert.ok(Number.isInteger(count) && (count as number) >= 0, 'Codex parses whole numbers only');
  }
  assert.equal(total_tokens, (input_tokens as number) + (output_tokens as number));
  assert.ok((cached_tokens as number) <= (input_tokens as number));
}
