/** Chat Completions replies as Messages replies (§5). */
import { type Rules, testsOf } from './rule.ts';

const decodeOpenAI = testsOf('test/protocol/openai/decode-reply.test.ts');
const encodeAnthropic = testsOf('test/protocol/anthropic/encode-reply.test.ts');
const toolText = testsOf('test/protocol/tool-call-text.test.ts');
const context = testsOf('test/gateway/context.test.ts');
const thinkTags = testsOf('test/protocol/openai/think-tags.test.ts');
const toAnthropic = testsOf('test/protocol/openai-to-anthropic.test.ts');
const openaiStreams = testsOf('test/protocol/openai/recorded-streams.test.ts');
const faults = testsOf('test/gateway/faults.test.ts');
const dialects = testsOf('test/gateway/dialects.test.ts');
const upstreamFaults = testsOf('test/hostile/upstream-faults.test.ts');

export const REPLY_RULES: Rules = {
  'S-01': {
    what: 'the first chunk may carry content',
    proofs: [...decodeOpenAI('S-01 the first chunk carries text beside the role: none of it is lost')],
  },
  'S-02': {
    what: 'one chunk may carry everything',
    proofs: [
      ...decodeOpenAI(
        'S-02 one chunk carries everything: reasoning, text, calls, usage and finish come in that order',
      ),
    ],
  },
  'S-03': { what: 'empty deltas say nothing', proofs: [...decodeOpenAI('S-03 empty deltas say nothing')] },
  'S-04': {
    what: 'blank text is held back',
    proofs: [
      ...encodeAnthropic(
        'S-04 white space before a tool call makes no block, before text it stays',
        'S-04 white space before a call is not kept for the text after it',
        'S-04 an answer of white space alone has no content',
        'S-04 blank text does not cut thinking in two',
      ),
    ],
  },
  'S-05': {
    what: 'text after a call is a new block',
    proofs: [...encodeAnthropic('S-05 text after a call is a block of its own')],
  },
  'S-06': {
    what: 'content in parts is read',
    proofs: [...decodeOpenAI('S-06 content in parts is read as text and reasoning')],
  },
  'S-07': {
    what: 'a refusal is text and a reason',
    proofs: [...decodeOpenAI('S-07 a refusal is text, and the reason to stop')],
  },
  'S-08': {
    what: 'what belongs to no answer is passed over',
    proofs: [
      ...decodeOpenAI(
        'S-08 what belongs to no answer is passed over: annotations, audio, log probabilities, obfuscation',
      ),
    ],
  },
  'S-09': { what: 'one choice is read', proofs: [...decodeOpenAI('S-09 only the first choice is read')] },
  'S-10': {
    what: 'a tool call written as text is noticed',
    proofs: [
      ...toolText('a call written as text is noticed once, at the end of its answer'),
      ...context('a tool call that comes as text is logged once for its backend, without its words'),
    ],
    decided: 'Noticed, logged and counted; never repaired.',
  },
  'S-20': {
    what: 'reasoning is read under each of its names, once',
    proofs: [
      ...decodeOpenAI(
        'S-20 reasoning is read under each of its names',
        'S-20 the same reasoning under two names counts once',
      ),
    ],
  },
  'S-21': {
    what: 'reasoning and text in turn are blocks in turn',
    proofs: [
      ...encodeAnthropic('S-21 thinking and text in turn are blocks in turn, each thinking signed once'),
    ],
  },
  'S-22': {
    what: 'think tags count at the beginning only',
    proofs: [
      ...thinkTags(
        'S-22 what stands between the tags at the beginning is reasoning',
        'S-22 tags later in the answer are text',
        'S-22 a closing tag alone ends reasoning that the template opened',
      ),
    ],
  },
  'S-23': {
    what: 'thinking is signed once, and sent only where asked for',
    proofs: [...encodeAnthropic('S-23 thinking that the client did not ask for is not sent')],
  },
  'S-24': {
    what: 'thinking alone is an answer',
    proofs: [...encodeAnthropic('S-24 thinking alone is an answer')],
  },
  'S-25': {
    what: 'in one piece too, thinking comes first',
    proofs: [...decodeOpenAI('S-25 in a whole reply reasoning comes first, then text, then calls')],
  },
  'S-26': {
    what: 'reasoning in the chunk of the first call comes first',
    proofs: [
      ...decodeOpenAI(
        'S-02 one chunk carries everything: reasoning, text, calls, usage and finish come in that order',
      ),
    ],
  },
  'S-30': {
    what: 'interleaved calls come one after the other',
    proofs: [
      ...encodeAnthropic(
        'S-30 interleaved calls come one after the other',
        'S-30 the first call streams while the second waits',
      ),
    ],
  },
  'S-31': {
    what: 'a call ends when its arguments are whole and others wait',
    proofs: [
      ...encodeAnthropic(
        'S-31 a new call alone does not close one whose arguments go on',
        'S-31 text in the middle of a call follows it',
        'S-31 held text waits until the arguments are whole, not only for their next piece',
        'S-31 a late piece for a closed call is left out rather than corrupting it',
        'S-31 a late piece for a call that text has followed is left out too',
      ),
    ],
  },
  'S-32': {
    what: 'a name may come late, twice or in pieces',
    proofs: [
      ...decodeOpenAI(
        'S-32 a late name: the arguments wait for it',
        'S-32 a name repeated in every chunk is one name',
        'S-32 a name in pieces is put together where that makes the name of a tool',
        'S-32 pieces of a name are only joined before the first arguments, and a repetition is no piece',
        'S-32 a call that never gets a name is left out',
      ),
    ],
  },
  'S-33': {
    what: 'an index may be missing or not from 0',
    proofs: [
      ...decodeOpenAI(
        'S-33 without an index the id tells which call it is',
        'S-33 with neither index nor id it is the call before',
        'S-33 without index and id, the name of another tool is another call',
        'S-33 the word null is no id',
        'S-33 without index and id, a name after whole arguments is another call',
      ),
    ],
  },
  'S-34': {
    what: 'an index may be used again',
    proofs: [
      ...decodeOpenAI(
        'S-34 the name again after whole arguments, with nothing else, is no other call',
        'S-34 the same index again with another id and a name is another call',
        'S-34 a fresh id with every chunk, without a name, is the same call',
      ),
    ],
  },
  'S-35': {
    what: 'arguments may be a value',
    proofs: [...decodeOpenAI('S-35 arguments as an object are read as its JSON')],
  },
  'S-36': {
    what: 'arguments may be repeated from their beginning',
    proofs: [
      ...decodeOpenAI(
        'S-36 arguments repeated from their beginning are said once, where the profile says that they are',
      ),
    ],
  },
  'S-37': {
    what: 'no arguments are an object',
    proofs: [
      ...encodeAnthropic('S-37 a call without arguments has the empty object'),
      ...decodeOpenAI('S-37 a call without arguments begins at the end, before later calls'),
    ],
  },
  'S-38': {
    what: 'broken arguments are never repaired',
    proofs: [...encodeAnthropic('S-38 broken arguments pass through a stream unrepaired')],
  },
  'S-39': {
    what: 'arguments encoded twice are read',
    proofs: [
      ...encodeAnthropic(
        'arguments that vLLM sent are an object in a stream as in a whole reply: {JSON.stringify(json)}',
      ),
    ],
  },
  'S-40': {
    what: 'the old function_call is a call',
    proofs: [...decodeOpenAI('S-40 the old function_call is one call without an id')],
  },
  'S-41': {
    what: 'an unknown tool’s name passes',
    proofs: [
      ...encodeAnthropic('S-41 a name that was shortened on the way out is restored, an unknown one passes'),
    ],
  },
  'S-42': {
    what: 'an id may come after the name',
    proofs: [...decodeOpenAI('S-42 an id that comes after the name but before the arguments is taken')],
  },
  'S-43': {
    what: 'arguments that are no object are refused visibly',
    proofs: [
      ...encodeAnthropic(
        'arguments that vLLM sent are an object in a stream as in a whole reply: {JSON.stringify(json)}',
      ),
    ],
  },
  'S-44': {
    what: 'free-text calls are never asked for',
    proofs: [...decodeOpenAI('S-44 a free-text call, which is never offered in this form, is left out')],
  },
  'S-50': {
    what: 'a filter is a refusal',
    proofs: [...encodeAnthropic('S-50 a refusal carries its details')],
  },
  'S-51': {
    what: 'a stop sequence is told where it is known',
    proofs: [
      ...decodeOpenAI('S-51 a stop sequence is known only where vLLM names it; a token number is none'),
    ],
  },
  'S-52': {
    what: 'a full window is said as the length limit',
    proofs: [
      ...encodeAnthropic('§5.5 {name}'),
      ...decodeOpenAI('§5.5 finish_reason {reason} is read as {expected}'),
    ],
  },
  'S-53': {
    what: 'what follows a finish still counts',
    proofs: [...decodeOpenAI('S-53 content after a finish still counts, and the last finish holds')],
  },
  'S-54': {
    what: 'an empty finish is none',
    proofs: [...decodeOpenAI('S-54 an empty finish and the word null are no finish')],
  },
  'S-60': {
    what: 'cached tokens are apart, sums hold, xAI’s reasoning counts',
    proofs: [
      ...toAnthropic('invariant 8: the parts of the input add up to the prompt and are never negative'),
      ...openaiStreams('{name}: read as {fixture.like} means it'),
    ],
    fixtures: ['openai/reasoning-counted-beside-the-completion'],
  },
  'S-61': {
    what: 'usage is told at the end',
    proofs: [
      ...encodeAnthropic('S-61 the start says zeros, unless the backend had numbers by then'),
      ...decodeOpenAI('S-61 usage never stands at the start'),
    ],
  },
  'S-62': {
    what: 'usage is found wherever it stands, else estimated',
    proofs: [
      ...encodeAnthropic('S-62 where the backend never counts, the output is estimated from its length'),
      ...decodeOpenAI(
        'S-62 usage is found in every place where backends put it, and the last holds',
        'S-62 an empty usage object does not wipe out an earlier one',
      ),
    ],
  },
  'S-63': {
    what: 'one message_delta tells it',
    proofs: [...encodeAnthropic('S-63 usage of every chunk is told once, at the end')],
  },
  'S-64': {
    what: 'usage of an answer that broke off',
    proofs: [
      ...faults(
        '{way.name}: a backend that dies in its answer ({by}) ends in the dialect’s error and is given back',
      ),
      ...encodeAnthropic('S-62 where the backend never counts, the output is estimated from its length'),
    ],
    decided: 'What the backend counted is kept; nothing is made up, and quota counts requests.',
  },
  'S-65': {
    what: 'the service tier of an answer',
    proofs: [...encodeAnthropic('S-70 a whole reply names the asked model and has no blank text')],
    decided: 'Not told: no client acts on it.',
  },
  'S-70': {
    what: 'a whole reply names the asked model',
    proofs: [...encodeAnthropic('S-70 a whole reply names the asked model and has no blank text')],
  },
  'S-71': {
    what: 'a success without an answer is a failure',
    proofs: [
      ...decodeOpenAI(
        'S-71 a success without an answer is a failure',
        'S-71 an error under status 200 is the error that it says',
      ),
    ],
  },
  'S-72': {
    what: 'a body in place of a stream, and the other way round',
    proofs: [
      ...dialects(
        'a JSON answer to a streamed request becomes a stream, a stream to a plain one a JSON answer',
      ),
      ...upstreamFaults('{path}: {what} in place of a stream is an error with a real status'),
    ],
  },
};
