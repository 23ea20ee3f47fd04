/** Messages requests for backends of another format: envelope, messages, media, tools (translation.md §3.1 to §3.6). */
import { type Rules, testsOf } from './rule.ts';

const refusals = testsOf('test/gateway/refusals.test.ts');
const dialects = testsOf('test/gateway/dialects.test.ts');
const framing = testsOf('test/hostile/framing.test.ts');
const wire = testsOf('test/gateway/wire.test.ts');
const readAnthropic = testsOf('test/protocol/anthropic/read-request.test.ts');
const replicas = testsOf('test/gateway/replicas.test.ts');
const toAnthropic = testsOf('test/protocol/openai-to-anthropic.test.ts');
const writeOpenAI = testsOf('test/protocol/openai/write-request.test.ts');
const toOpenAI = testsOf('test/protocol/anthropic-to-openai.test.ts');
const cleanSchema = testsOf('test/protocol/openai/clean-schema.test.ts');
const toolNames = testsOf('test/protocol/tool-names.test.ts');
const encodeAnthropic = testsOf('test/protocol/anthropic/encode-reply.test.ts');
const encodeOpenAI = testsOf('test/protocol/openai/encode-reply.test.ts');

export const REQUEST_RULES: Rules = {
  'A-01': {
    what: 'requests are matched by path; HEAD / is answered at once',
    proofs: [
      ...refusals('HEAD at the start of Claude Code is answered at once'),
      ...dialects(
        'Messages to Claude: the body goes out byte for byte but for the model, the answer comes back as it is',
      ),
      ...framing('the path {path} is no route'),
    ],
  },
  'A-02': {
    what: 'Anthropic’s headers are for Anthropic alone, and checked against no list',
    proofs: [
      ...wire(
        'A-02 A-05 headers of Anthropic and of Claude Code go to Claude, and to no other backend',
        'A-02 a version that is missing is named to Claude, and asked of nobody',
      ),
    ],
  },
  'A-03': {
    what: 'fields of betas never reach another vendor',
    proofs: [...readAnthropic('A-03 A-04 fields of betas and of the future are left out and named')],
  },
  'A-04': {
    what: 'unknown top-level fields are left out',
    proofs: [...readAnthropic('A-03 A-04 fields of betas and of the future are left out and named')],
  },
  'A-05': {
    what: 'headers of Claude Code’s session are for Claude alone',
    proofs: [
      ...wire('A-02 A-05 headers of Anthropic and of Claude Code go to Claude, and to no other backend'),
      ...replicas('a Claude Code session stays with one replica, another session has its own'),
      ...framing('nothing of the query but Anthropic’s beta switch goes on to a backend'),
    ],
  },
  'A-06': {
    what: '32 MiB are accepted, more is a 413 in the caller’s dialect',
    proofs: [
      ...refusals(
        'a body above the limit is refused before it is read, by its announced length and by counting',
      ),
    ],
  },
  'A-07': {
    what: 'answers in one piece are as good as streams',
    proofs: [
      ...toAnthropic('invariant 4: a stream put together is the whole reply'),
      ...dialects(
        'a JSON answer to a streamed request becomes a stream, a stream to a plain one a JSON answer',
      ),
    ],
    decided: 'Backends are asked as the client asked; long silences are bounded by limits instead.',
  },
  'A-10': {
    what: 'one leading system message, one string',
    proofs: [
      ...readAnthropic('A-10 system texts are read one by one, blank ones left out'),
      ...writeOpenAI('A-10 the system prompt is one message and one string'),
    ],
  },
  'A-11': {
    what: 'the attribution block never reaches another vendor',
    proofs: [...readAnthropic('A-11 the attribution block is left out at the beginning only')],
  },
  'A-12': {
    what: 'instructions in mid-conversation stay in place',
    proofs: [
      ...readAnthropic('A-12 a system message among the others stays in its place'),
      ...writeOpenAI(
        'A-12 a later system message becomes a reminder in its place',
        'A-12 where the backend takes them, later system messages stay',
        'A-12 a system message never comes between calls and their results',
        'A-12 a reminder joins the user message beside it even where others are kept apart',
      ),
    ],
  },
  'A-13': {
    what: 'where the configuration says so they are refused, and Claude Code goes on without',
    proofs: [
      ...writeOpenAI(
        'A-13 where the configuration says so, later system messages are refused in the words that Claude Code knows',
      ),
    ],
  },
  'A-14': {
    what: 'an unknown role is the user',
    proofs: [...readAnthropic('A-14 an unknown role counts as the user, and is named')],
  },
  'A-15': {
    what: 'no system prompt is made up',
    proofs: [...writeOpenAI('A-15 no system prompt is made up')],
  },
  'A-16': {
    what: 'reminders in user turns are text',
    proofs: [...writeOpenAI('A-16 a reminder in a user message is text of the user and stays where it is')],
  },
  'A-20': {
    what: 'a string and its one block mean the same',
    proofs: [
      ...readAnthropic('A-20 texts side by side in an answer are one text, others stay apart'),
      ...writeOpenAI('A-20 texts make one string; with media they stay parts in their order'),
    ],
  },
  'A-21': {
    what: 'every part of a user message survives',
    proofs: [
      ...toOpenAI('A-21: every word of the user reaches the model'),
      ...readAnthropic('A-21 every text of a user message survives beside tool results'),
    ],
  },
  'A-22': {
    what: 'messages of one role in a row are merged where templates need it',
    proofs: [
      ...writeOpenAI(
        'A-22 user messages in a row are merged where templates need it, and only there',
        'A-22 assistant messages in a row are one, so that results follow their calls',
      ),
    ],
  },
  'A-23': {
    what: 'empty messages vanish, nothing is invented',
    proofs: [
      ...readAnthropic('A-23 messages with nothing in them are left out'),
      ...writeOpenAI(
        'A-23 empty messages vanish and their neighbours meet',
        'A-23 an answer that only calls tools has the content that the backend wants',
        'A-23 a conversation without a user is refused',
      ),
    ],
  },
  'A-24': {
    what: 'a begun answer is continued, or refused in Claude’s words',
    proofs: [
      ...writeOpenAI(
        'A-24 A-25 vLLM goes on with a begun answer, its trailing space cut',
        "A-24 others refuse a begun answer in Claude's words",
        'A-24 an answer that ends in calls is interrupted, not begun',
      ),
    ],
  },
  'A-25': {
    what: 'white space at the end of a begun answer is cut',
    proofs: [...writeOpenAI('A-24 A-25 vLLM goes on with a begun answer, its trailing space cut')],
  },
  'A-26': {
    what: 'a template that wants the user first gets a constant opening',
    proofs: [
      ...writeOpenAI('A-26 a template that wants the user first gets a constant opening, and nobody else'),
    ],
  },
  'A-27': {
    what: 'extra keys in blocks and their order mean nothing',
    proofs: [
      ...writeOpenAI('A-27 marks for caching and keys nobody knows change nothing, on blocks of every kind'),
    ],
  },
  'A-28': {
    what: 'blocks that only Claude knows become text',
    proofs: [
      ...readAnthropic(
        'A-28 what only Claude understands becomes text',
        'A-28 a block with nothing to say is left out',
      ),
    ],
  },
  'A-30': {
    what: 'image data become a data URL of a known type',
    proofs: [
      ...readAnthropic(
        'A-30 image data lose their line breaks, and a missing type is known by the first bytes',
      ),
    ],
  },
  'A-31': {
    what: 'images by address keep it and are never fetched',
    proofs: [...readAnthropic('A-31 an image by its address keeps it')],
  },
  'A-32': {
    what: 'file ids are refused at their place',
    proofs: [...readAnthropic('A-32 a file id is refused at its place')],
  },
  'A-33': {
    what: 'a model without vision is told of the image',
    proofs: [...writeOpenAI('A-33 a model that cannot see is told so, and goes on')],
  },
  'A-34': {
    what: 'images of results follow all results',
    proofs: [
      ...writeOpenAI(
        'A-34 images of results follow the last tool message, named after their calls',
        'A-34 also where messages of one role are not merged, one user message carries them',
      ),
    ],
  },
  'A-35': {
    what: 'PDF is a file part, or named in its place',
    proofs: [
      ...writeOpenAI(
        'A-35 a PDF is a file where the backend reads them, otherwise it is named',
        'A-35 a PDF in a result travels like an image',
        'A-35 a PDF by its address is refused',
      ),
    ],
  },
  'A-36': {
    what: 'documents of text are text',
    proofs: [
      ...readAnthropic('A-36 A-37 documents of every kind are read; citations are left out and named'),
      ...writeOpenAI('A-36 a text document is text'),
    ],
  },
  'A-37': {
    what: 'citations are left out and named',
    proofs: [
      ...readAnthropic('A-36 A-37 documents of every kind are read; citations are left out and named'),
    ],
  },
  'A-38': {
    what: 'media keep their place among texts',
    proofs: [...writeOpenAI('A-38 an image before its question stays before it')],
  },
  'A-40': {
    what: 'a tool becomes a function',
    proofs: [
      ...readAnthropic('A-40 a custom tool, typed or not; keys of betas never reach its schema'),
      ...cleanSchema('A-40 no schema is an object without properties'),
      ...writeOpenAI('A-40 a tool in its new form; no description stays none'),
    ],
  },
  'A-41': {
    what: 'schemas are repaired where backends stumble, and nowhere else',
    proofs: [...cleanSchema('A-41 what backends stumble over is repaired at every depth, the rest stays')],
    decided: 'No rewriting for Gemini’s subset of schemas: no such backend is configured anywhere yet.',
  },
  'A-42': {
    what: 'strict is said only of strict schemas',
    proofs: [
      ...cleanSchema('A-42 strict means every object closed and every property required, at every depth'),
      ...writeOpenAI('A-42 strict goes on only where the schema is strict'),
    ],
  },
  'A-43': {
    what: 'hosted tools are left out, or refused where they were the point',
    proofs: [
      ...readAnthropic(
        'A-43 hosted tools are left out and named',
        'A-43 a hosted tool that is forced, or is all there is, is refused',
      ),
    ],
  },
  'A-44': {
    what: 'tools that the client runs by Anthropic’s definition get parameters',
    proofs: [...readAnthropic('A-44 tools that Anthropic defines and the client runs get their parameters')],
  },
  'A-45': {
    what: 'deferred tools are loaded, references become text',
    proofs: [...readAnthropic('A-45 a reference to a tool in a result becomes text')],
  },
  'A-46': {
    what: 'long and odd tool names are shortened and told back',
    proofs: [
      ...writeOpenAI('A-46 long names are shortened everywhere and can be told back'),
      ...toolNames(
        'A-46 accepted names stay as they are',
        'A-46 characters that backends refuse are replaced',
        'A-46 two names that would collide are told apart by a longer hash',
      ),
    ],
  },
  'A-47': {
    what: 'two tools of one name are refused',
    proofs: [...readAnthropic('A-47 two tools of one name are refused')],
  },
  'A-48': {
    what: 'calls of the history stay without tools',
    proofs: [...writeOpenAI('A-48 calls of the history stay where no tools are left')],
  },
  'A-49': {
    what: 'an empty list of tools is none',
    proofs: [
      ...readAnthropic('A-49 without tools there is no choice'),
      ...writeOpenAI('A-49 without tools nothing is said about them'),
    ],
  },
  'A-50': {
    what: 'every choice of tool has its counterpart',
    proofs: [
      ...readAnthropic(
        'A-50 every choice is read, an unknown one as auto',
        'A-50 parallel calls are switched off under any choice',
      ),
      ...writeOpenAI(
        'A-50 tool_choice {JSON.stringify(choice)} becomes {JSON.stringify(expected)}',
        'A-50 parallel calls are switched off, and left alone where nothing is said',
      ),
    ],
  },
  'A-51': {
    what: 'a forced call may finish with stop, and is a call',
    proofs: [
      ...encodeAnthropic('§5.5 {name}'),
      ...encodeOpenAI('calls decide between stop and tool_calls, but not over length or refusal (P9)'),
    ],
  },
  'A-52': {
    what: 'two calls where one was asked for both arrive',
    proofs: [
      ...wire(
        'A-52 two calls where one was asked for both arrive: dropping one would derail the model’s next turn',
      ),
    ],
  },
};
