/** Chat Completions requests for Claude, and its replies back (§8, §9). */
import { type Rules, testsOf } from './rule.ts';

const claudeMessages = testsOf('test/protocol/anthropic/write-messages.test.ts');
const writeAnthropic = testsOf('test/protocol/anthropic/write-request.test.ts');
const readOpenAI = testsOf('test/protocol/openai/read-request.test.ts');
const openaiMessages = testsOf('test/protocol/openai/read-messages.test.ts');
const openaiTools = testsOf('test/protocol/openai/read-tools.test.ts');
const claudeThinking = testsOf('test/protocol/anthropic/write-thinking.test.ts');
const encodeOpenAI = testsOf('test/protocol/openai/encode-reply.test.ts');
const claudeStreams = testsOf('test/protocol/anthropic/recorded-streams.test.ts');
const decodeAnthropic = testsOf('test/protocol/anthropic/decode-reply.test.ts');
const differential = testsOf('test/protocol/differential.test.ts');

export const CHAT_RULES: Rules = {
  'O-01': {
    what: 'instructions keep their places',
    proofs: [
      ...claudeMessages('instructions in mid-conversation stay in place as a reminder from the user (O-01)'),
      ...writeAnthropic('each leading instruction is a block of its own (O-01)'),
      ...readOpenAI(
        'leading instructions are apart, one entry per message; later ones keep their place (O-01)',
      ),
    ],
  },
  'O-02': {
    what: 'messages alternate, results first',
    proofs: [
      ...claudeMessages(
        'messages of one role in a row become one (O-02)',
        'all tool results and what the user says next are one message, results first in the order of the calls (O-02)',
      ),
    ],
  },
  'O-03': {
    what: 'instructions alone are left to Claude',
    proofs: [
      ...writeAnthropic('instructions alone go out without messages, for Claude to refuse (O-03)'),
      ...readOpenAI('instructions alone are left to the backend to judge (O-03)'),
    ],
  },
  'O-04': {
    what: 'an assistant message is read whole',
    proofs: [
      ...claudeMessages(
        'empty and blank texts are left out (O-04)',
        'arguments become an object; what is none goes back visibly (O-04)',
      ),
      ...openaiMessages(
        'an assistant message is read as reasoning, text, refusal and calls in that order (O-04)',
        'legacy function calls and their results find each other by ids made from places (O-04)',
      ),
    ],
  },
  'O-05': {
    what: 'unsigned reasoning never reaches Claude',
    proofs: [
      ...claudeMessages('unsigned and foreign reasoning never reaches Claude, signed reasoning does (O-05)'),
      ...openaiMessages('signed reasoning details survive, and count instead of the plain text (O-05)'),
    ],
  },
  'O-06': {
    what: 'a result is never guessed to be an error',
    proofs: [
      ...claudeMessages('an empty tool result has no content at all, an image in one stays an image (O-06)'),
      ...openaiMessages('a tool result is never guessed to be an error, and may hold images (O-06)'),
    ],
  },
  'O-07': {
    what: 'images and files become blocks',
    proofs: [
      ...claudeMessages('images and documents keep their order, names and kinds (O-07)'),
      ...openaiMessages(
        'images come as data or as an address (O-07)',
        'PDF and text files become documents under their name (O-07)',
      ),
    ],
  },
  'O-08': {
    what: 'a begun answer is passed on, trimmed',
    proofs: [
      ...claudeMessages(
        'the beginning of an answer is passed on without its trailing white space (O-08)',
        'a conversation that ends with a call is left to Claude to refuse (O-08)',
      ),
    ],
  },
  'O-09': {
    what: 'Claude always gets a limit',
    proofs: [
      ...writeAnthropic('max_tokens is what the client said, else the most of the model (O-09)'),
      ...readOpenAI(
        'max_completion_tokens wins over max_tokens (O-09)',
        'a token limit below one is refused (O-09)',
      ),
    ],
  },
  'O-10': {
    what: 'sampling as far as each model takes it',
    proofs: [
      ...writeAnthropic(
        'temperature is capped at 1 for older models, and left out for newer ones (O-10)',
        'of temperature and top_p only the temperature goes out (O-10)',
        'top_k goes to older models only (O-10)',
        'no sampling parameter stands beside reasoning (O-10)',
      ),
    ],
  },
  'O-11': {
    what: 'several choices are refused, unknown wishes named',
    proofs: [
      ...readOpenAI(
        'more than one choice is refused, one is taken (O-11)',
        'what no other dialect has is named as lost; empty wishes are none (O-11)',
      ),
    ],
  },
  'O-12': {
    what: 'blank stop sequences are left out',
    proofs: [
      ...writeAnthropic('blank stop sequences are left out (O-12)'),
      ...readOpenAI('stop is a string, a list or nothing (O-12)'),
    ],
  },
  'O-13': {
    what: 'functions become tools',
    proofs: [
      ...writeAnthropic(
        'tools carry name, description and schema (O-13)',
        'a schema without a type becomes an object, alternatives at its root stay (O-13)',
        'strict tools are strict where the model can, with a schema it understands (O-13)',
      ),
      ...openaiMessages('a free-text call is read as a function of one string (O-13)'),
      ...openaiTools('a function is read with its description, schema and strictness (O-13)'),
    ],
  },
  'O-14': {
    what: 'every choice of tool has its counterpart',
    proofs: [
      ...writeAnthropic(
        'every tool choice has its counterpart (O-14)',
        'one call at a time is said with any choice, and makes one where there was none (O-14)',
      ),
      ...claudeThinking('a forced tool wins over reasoning (O-14)'),
      ...openaiTools('every form of tool_choice is understood (O-14)'),
    ],
  },
  'O-15': {
    what: 'calls of a history without tools are declared',
    proofs: [...writeAnthropic('calls in a history without tools are declared and forbidden (O-15)')],
  },
  'O-16': {
    what: 'an effort becomes thinking',
    proofs: [
      ...claudeThinking(
        'newer models think adaptively, as hard as asked, and show a summary (O-16)',
        'older models get a budget on top of the tokens for the answer (O-16)',
        'nothing said is nothing sent; none is said as far as the model hears it (O-16)',
      ),
      ...readOpenAI('an effort asks for reasoning, none forbids it, silence leaves it to the model (O-16)'),
    ],
  },
  'O-17': {
    what: 'formats become output_config, or words',
    proofs: [
      ...writeAnthropic(
        'a schema for the answer goes into output_config (O-17)',
        'a schema is asked for in words where the model has no structured output (O-17)',
        'any JSON is asked for in words (O-17)',
      ),
      ...readOpenAI('response formats are text, any JSON, or JSON of a schema (O-17)'),
    ],
  },
  'O-18': {
    what: 'the user is a hash, the tier Claude’s',
    proofs: [
      ...writeAnthropic(
        "the user's name goes out as a hash only (O-18)",
        'a service tier goes out in Claude’s words; tiers that it does not know become any (O-18)',
      ),
      ...readOpenAI('the safety identifier wins over the user name (O-18)'),
    ],
  },
  'O-19': {
    what: 'a prompt that is marked is cached where it pays',
    proofs: [
      ...writeAnthropic(
        'a cached prompt is marked at the end of tools, instructions and conversation (O-19, O-24)',
      ),
    ],
  },
  'O-20': {
    what: 'wishes about usage stay here',
    proofs: [
      ...writeAnthropic('streaming is asked for as the client did, its options are not passed on (O-20)'),
      ...readOpenAI('usage in a stream must be asked for (O-20)'),
    ],
  },
  'O-21': {
    what: 'unknown roles and parts are refused at their place',
    proofs: [...openaiMessages('an unknown role or part is refused with its place (O-21)')],
  },
  'O-22': {
    what: 'orphans are told',
    proofs: [
      ...claudeMessages(
        'a result that answers no call becomes text of the user (O-22)',
        'a call without its result gets one that says so (O-22)',
      ),
    ],
  },
  'O-23': {
    what: 'ids used again are renamed',
    proofs: [
      ...claudeMessages('an id used again in a later turn is renamed for the call and its result (O-23)'),
      ...openaiMessages('a call carried twice in one message counts once (O-23)'),
    ],
  },
  'O-24': {
    what: 'marks for caching are kept',
    proofs: [
      ...writeAnthropic(
        'a cached prompt is marked at the end of tools, instructions and conversation (O-19, O-24)',
      ),
      ...readOpenAI('caching marks anywhere ask for a cached prompt (O-24)'),
    ],
  },
  'R-01': {
    what: 'texts are one content, parted where something stood between',
    proofs: [
      ...encodeOpenAI(
        'texts on both sides of a call or of reasoning are parted by a blank line, others are not (R-01)',
      ),
    ],
  },
  'R-02': {
    what: 'thinking has one name',
    proofs: [
      ...encodeOpenAI(
        'reasoning goes out under one name, and not at all to clients that must not see it (R-02)',
      ),
    ],
  },
  'R-03': {
    what: 'calls are numbered from 0',
    proofs: [
      ...encodeOpenAI('interleaved calls keep their own indices from 0 and their own arguments (R-03, R-04)'),
    ],
  },
  'R-04': {
    what: 'arguments belong to their call, and none are an object',
    proofs: [
      ...encodeOpenAI(
        'interleaved calls keep their own indices from 0 and their own arguments (R-03, R-04)',
        'a call without arguments gets empty ones at its end, or at the end of all (R-04)',
      ),
    ],
  },
  'R-05': {
    what: 'what Claude’s own tools did is hidden',
    proofs: [...claudeStreams('{name}: read as {fixture.like} means it')],
    fixtures: [
      'anthropic/hosted-search-between-texts',
      'anthropic/paused-hosted-tools',
      'anthropic/compacted',
      'anthropic/fallback-to-another-model',
    ],
  },
  'R-06': {
    what: 'pings and the unknown say nothing',
    proofs: [
      ...claudeStreams('{name}: read as {fixture.like} means it'),
      ...decodeAnthropic('events lost, doubled or made up never break the stream of the client'),
    ],
    fixtures: ['anthropic/noise-between-the-events', 'anthropic/unknown-events-blocks-and-fields'],
  },
  'R-07': {
    what: 'a start that comes twice is ignored, another answer is an error',
    proofs: [...claudeStreams('{name}: read as {fixture.like} means it')],
    fixtures: ['anthropic/start-sent-twice', 'anthropic/two-answers-spliced'],
  },
  'R-08': {
    what: 'every stop reason has its finish',
    proofs: [...encodeOpenAI('every finish reason has its word (R-08)')],
  },
  'R-09': {
    what: 'usage adds up, the last figures count',
    proofs: [...encodeOpenAI('the last usage counts, and that of the start when no other came (R-09)')],
  },
  'R-10': {
    what: 'usage is told where it was asked for',
    proofs: [...encodeOpenAI('usage appears nowhere in a stream that did not ask for it (R-10)')],
  },
  'R-11': {
    what: 'an error ends the stream without [DONE]',
    proofs: [...encodeOpenAI('an error ends the stream in its own envelope, without [DONE] (R-11)')],
  },
  'R-12': {
    what: 'a whole reply has OpenAI’s form',
    proofs: [...encodeOpenAI('a whole reply has content, or null beside calls (R-12)')],
  },
  'R-13': {
    what: 'ids of answers',
    proofs: [...encodeOpenAI('a stream is exactly role, content, finish, usage and [DONE]')],
    decided: 'A backend’s id is not told: nobody could look it up.',
  },
  'R-14': {
    what: 'structured output arrives as content',
    proofs: [
      ...writeAnthropic(
        'a schema for the answer goes into output_config (O-17)',
        'a schema is asked for in words where the model has no structured output (O-17)',
      ),
      ...differential(
        'a whole answer of the {backend} format means the same to a client of the {client} dialect',
      ),
    ],
  },
  'R-15': {
    what: 'changed names and free-text tools come back',
    proofs: [
      ...encodeOpenAI(
        'names that were changed on the way out come back as the client knows them (R-15)',
        'calls of free-text tools go back as text, however the backend cut them (R-15)',
      ),
    ],
  },
  'R-16': {
    what: 'nothing of Azure’s is made up',
    proofs: [...encodeOpenAI('a stream is exactly role, content, finish, usage and [DONE]')],
  },
  'R-17': {
    what: 'a start that holds everything is read',
    proofs: [...claudeStreams('{name}: read as {fixture.like} means it')],
    fixtures: ['anthropic/everything-in-the-start'],
  },
};
