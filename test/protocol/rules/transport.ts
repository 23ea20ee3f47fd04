/** Streams, counting, models, and passing on (§7, §10, §11). */
import { type Rules, testsOf } from './rule.ts';

const readAnthropic = testsOf('test/protocol/anthropic/read-request.test.ts');
const counting = testsOf('e2e/claude-code-failures.e2e.ts');
const estimate = testsOf('test/protocol/estimate-tokens.test.ts');
const dialects = testsOf('test/gateway/dialects.test.ts');
const native = testsOf('test/gateway/native-anthropic.test.ts');
const framing = testsOf('test/hostile/framing.test.ts');
const matchModel = testsOf('test/routing/match-model.test.ts');
const refusals = testsOf('test/gateway/refusals.test.ts');
const wire = testsOf('test/gateway/wire.test.ts');
const lifecycle = testsOf('test/gateway/lifecycle.test.ts');
const encodeAnthropic = testsOf('test/protocol/anthropic/encode-reply.test.ts');
const adaptChat = testsOf('test/protocol/openai/adapt-chat.test.ts');
const sse = testsOf('test/protocol/sse.test.ts');
const decodeOpenAI = testsOf('test/protocol/openai/decode-reply.test.ts');
const upstreamFaults = testsOf('test/hostile/upstream-faults.test.ts');
const decodeAnthropic = testsOf('test/protocol/anthropic/decode-reply.test.ts');
const faults = testsOf('test/gateway/faults.test.ts');
const toAnthropic = testsOf('test/protocol/openai-to-anthropic.test.ts');

export const TRANSPORT_RULES: Rules = {
  'M-01': {
    what: 'tokens are counted by the server that will answer',
    proofs: [
      ...readAnthropic('M-01 a count of tokens needs no max_tokens'),
      ...counting('counting tokens is free and works side by side: {name}'),
    ],
  },
  'M-02': {
    what: 'else they are estimated on the high side',
    proofs: [
      ...estimate(
        'English prose is never estimated below its usual four characters a token',
        'an image counts as one, whatever its size',
      ),
      ...dialects('counting tokens asks the counter of the backend, else estimates; both are free'),
    ],
  },
  'M-03': {
    what: 'Claude counts for itself',
    proofs: [
      ...native('its tokens are counted by itself'),
      ...dialects('counting tokens asks the counter of the backend, else estimates; both are free'),
    ],
  },
  'M-10': {
    what: 'models are listed as each caller reads them',
    proofs: [
      ...dialects('models are listed as each caller reads them, and only those the tier passes through'),
      ...framing('encoded slashes and dots in a model id are looked up as a model, never as another path'),
    ],
  },
  'M-11': {
    what: 'Claude Code’s picker shows models that are no Claude',
    proofs: [
      ...dialects('models are listed as each caller reads them, and only those the tier passes through'),
    ],
  },
  'M-12': {
    what: 'names match exactly, then by family; others are a 404',
    proofs: [
      ...matchModel(
        'models of a backend match by their exact names only',
        'a backend prefix is cut off, and must not be all there is',
      ),
      ...refusals('a model that is not there, or not in the tier, is a clear 404 that no client repeats'),
    ],
  },
  'M-20': {
    what: 'either header carries a key, and ours goes no further',
    proofs: [
      ...refusals(
        'either header is accepted, and a foreign key beside ours is dropped',
        'no credential, an unknown one, a foreign one and two different ones are refused, each in one sentence',
      ),
    ],
    decided: 'Two different keys of ours are refused rather than ranked: nobody sends them knowingly.',
  },
  'M-21': {
    what: 'every answer has an id, the same in header and body',
    proofs: [...wire('M-21 an error carries one id, in the header of its dialect and in its body')],
  },
  'M-22': {
    what: 'other paths are refused quickly in the caller’s dialect',
    proofs: [...refusals('unknown paths and methods are said in the caller’s dialect')],
  },
  'M-23': {
    what: 'what is used is counted once, by the final figures',
    proofs: [
      ...lifecycle(
        'ten a day means ten: the eleventh is refused at once, asks no backend and stops every client',
      ),
      ...encodeAnthropic('S-63 usage of every chunk is told once, at the end'),
    ],
  },
  'PT-1': {
    what: 'one dialect on both sides: not a byte changes without need',
    proofs: [
      ...dialects(
        'Messages to Claude: the body goes out byte for byte but for the model, the answer comes back as it is',
        'Messages to Claude, streamed: every byte of the stream arrives unchanged',
      ),
      ...framing('what only the backend needs to understand goes there byte for byte'),
    ],
  },
  'PT-2': {
    what: 'a model server’s own Messages can be used as they are',
    proofs: [
      ...native(
        'a Messages request goes out byte for byte but for the model and the length of an answer that would not fit',
        'its stream arrives as it is',
      ),
    ],
    decided: 'Used where the configuration says `format: anthropic`; translation stays the default.',
  },
  'PT-3': {
    what: 'a chat keeps its bytes, but every stream is counted and every role known',
    proofs: [
      ...dialects(
        'PT-3 a stream of an OpenAI client is counted though it did not ask, and it sees no chunk of usage',
        'PT-3 a backend that refuses the wish for usage is asked as the client did, once found out',
        'PT-3 the role developer is system to the internal model and itself to OpenAI',
      ),
      ...adaptChat(
        'PT-3 a developer is a system to backends that know no developer, and not a byte besides changes',
        'PT-3 the word alone, in a text or below a message, is no role',
        'PT-3 a stream that does not ask for its usage is made to, and not a byte besides changes',
        'PT-3 usage is not asked for where it was, where nothing streams, and where the backend knows no such wish',
        'PT-3 whatever else stands in the body, both changes leave it as it was',
      ),
    ],
  },
  'PT-4': {
    what: 'the model’s name in a relayed answer',
    proofs: [
      ...wire(
        'PT-4 the answer of a model that was passed through names that model, and a header the one asked for',
      ),
    ],
    decided:
      'Not rewritten: it is the truth, each chunk would have to be parsed, and headers name both models.',
  },
  'T-01': {
    what: 'lines, marks and characters may be cut anywhere',
    proofs: [
      ...sse(
        'lines may end with LF, CRLF or CR, mixed within one stream',
        'a character of four bytes survives every cut',
        'a byte order mark is removed at the start and nowhere else',
        'frames do not depend on how the bytes were cut',
      ),
    ],
  },
  'T-02': {
    what: 'events are read as the standard says',
    proofs: [
      ...sse(
        'several data lines are joined with a line feed',
        'one space after the colon is optional and only one is removed',
        'the event name may follow the data',
        'ids, retry hints and comments are ignored',
      ),
    ],
  },
  'T-03': {
    what: '[DONE] ends; its lack does where a finish was seen',
    proofs: [
      ...decodeOpenAI(
        'T-03 a stream may end without [DONE] where a finish was seen',
        'T-03 nothing after [DONE] counts, not even another [DONE]',
        'T-03 an event named done ends the stream too',
      ),
    ],
  },
  'T-04': {
    what: 'an event may be large',
    proofs: [
      ...upstreamFaults(
        '{path}: an event of a megabyte arrives whole, one beyond the limit ends in an error',
      ),
      ...sse('an event of many small chunks costs time in proportion to its size'),
    ],
  },
  'T-05': {
    what: 'what is no JSON is skipped, three times',
    proofs: [
      ...decodeAnthropic(
        'what is no JSON is skipped, three in a row are too much (T-05)',
        'a bare JSON error in place of a stream is that error (T-05)',
      ),
      ...decodeOpenAI('T-05 one unreadable event is passed over, three in a row end the stream'),
    ],
  },
  'T-06': {
    what: 'streams come uncompressed',
    proofs: [...wire('T-06 answers are asked for as they are, without compression, in every format')],
  },
  'T-07': {
    what: 'an event is known by its data',
    proofs: [
      ...decodeAnthropic('an event is known by its data, and by its name where the data has no type (T-07)'),
    ],
  },
  'T-10': {
    what: 'a stream’s headers keep it from being collected',
    proofs: [...wire('T-10 a stream says that it is one, and that nobody may keep or collect it')],
  },
  'T-11': {
    what: 'silence is filled in the client’s own way',
    proofs: [
      ...encodeAnthropic('T-11 a ping may come at any moment before the end, even the first'),
      ...faults('{way.name}: silence is filled with keep-alives between whole frames'),
    ],
  },
  'T-12': {
    what: 'no headers before the answer is known, at most five seconds',
    proofs: [
      ...faults(
        '{way.name}: a stream whose first event is an error has a real status',
        '{way.name}: silence is filled with keep-alives between whole frames',
      ),
    ],
  },
  'T-13': {
    what: 'a first event that is an error has a real status',
    proofs: [...faults('{way.name}: a stream whose first event is an error has a real status')],
  },
  'T-14': {
    what: 'an end without a finish is an error',
    proofs: [
      ...faults(
        '{way.name}: a backend that dies in its answer ({by}) ends in the dialect’s error and is given back',
      ),
      ...toAnthropic('P7: no stream without a finish ends well'),
    ],
  },
  'T-15': {
    what: 'a client that leaves is noticed at every moment',
    proofs: [
      ...faults(
        '{way.name}: a client that leaves in the answer frees the backend within a second and is charged once',
        '{way.name}: a client that leaves before the answer frees the backend and is not charged',
      ),
    ],
  },
  'T-16': {
    what: 'a silent backend is given up',
    proofs: [...faults('{way.name}: a backend that falls silent in its answer is given up in time')],
  },
  'T-17': {
    what: 'a kept connection that died',
    proofs: [
      ...upstreamFaults(
        'a kept connection that resets under a request is not tried again once the request was sent',
        'a backend that closes after each answer costs its callers nothing',
      ),
    ],
    decided: 'Never repeated once the request was sent: it may have been served, and would be paid twice.',
  },
  'T-18': {
    what: 'one dialect on both sides: raw bytes',
    proofs: [
      ...dialects('Messages to Claude, streamed: every byte of the stream arrives unchanged'),
      ...sse('the splitter passes every byte on, and reads the same frames as the reader'),
    ],
  },
  'T-19': {
    what: 'the answer ends with its last event',
    proofs: [
      ...wire('T-19 an answer ends with its last event, whatever the backend does with its connection'),
    ],
  },
};
