/** The same: calls and results, ids, thinking, parameters (§3.7 to §3.10). */
import { type Rules, testsOf } from './rule.ts';

const readAnthropic = testsOf('test/protocol/anthropic/read-request.test.ts');
const writeOpenAI = testsOf('test/protocol/openai/write-request.test.ts');
const toolIds = testsOf('test/protocol/openai/tool-ids.test.ts');
const profiles = testsOf('test/protocol/openai/vendor-profiles.test.ts');
const encodeAnthropic = testsOf('test/protocol/anthropic/encode-reply.test.ts');
const encodeOpenAI = testsOf('test/protocol/openai/encode-reply.test.ts');
const claudeMessages = testsOf('test/protocol/anthropic/write-messages.test.ts');
const foreignThinking = testsOf('test/protocol/anthropic/drop-foreign-thinking.test.ts');
const claudeThinking = testsOf('test/protocol/anthropic/write-thinking.test.ts');
const context = testsOf('test/gateway/context.test.ts');
const native = testsOf('test/gateway/native-anthropic.test.ts');
const stopText = testsOf('test/protocol/stop-text.test.ts');

export const HISTORY_RULES: Rules = {
  'A-55': {
    what: 'a call keeps its arguments, and the order of their keys',
    proofs: [
      ...readAnthropic('A-55 tool calls keep the order of their keys; no input is the empty object'),
      ...writeOpenAI('A-55 A-61 all text of an answer goes before its calls'),
    ],
  },
  'A-56': {
    what: 'results follow their calls at once and in order',
    proofs: [...writeOpenAI('A-56 results come first and in the order of the calls, then one user message')],
  },
  'A-57': {
    what: 'a failed result says so in words',
    proofs: [...writeOpenAI('A-57 a failed result says so, once')],
  },
  'A-58': {
    what: 'an empty result has words',
    proofs: [
      ...readAnthropic('A-58 results may be text, blocks or nothing'),
      ...writeOpenAI('A-58 an empty result has words, and texts are joined by lines'),
    ],
  },
  'A-59': {
    what: 'results without call and calls without result are told',
    proofs: [
      ...writeOpenAI(
        'A-59 a result without its call becomes user text in its place',
        'A-59 a call without its result was interrupted',
      ),
    ],
  },
  'A-60': {
    what: 'of two results for one call the later counts',
    proofs: [...writeOpenAI('A-60 of two results for one call the later counts')],
  },
  'A-61': {
    what: 'text around calls goes before them',
    proofs: [...writeOpenAI('A-55 A-61 all text of an answer goes before its calls')],
  },
  'A-62': {
    what: 'results spread over messages are collected',
    proofs: [...writeOpenAI('A-62 results spread over two messages are collected')],
  },
  'A-65': {
    what: 'ids have the form that the backend wants, the same for call and result',
    proofs: [
      ...toolIds(
        'A-65 most backends take any id',
        'A-65 OpenAI takes 40 characters: longer ids keep their beginning and get a hash',
        'A-65 Mistral takes nine letters or digits, and its own ids stay',
        'A-65 ids that fall together are salted apart',
        'A-65 Kimi counts all calls of the conversation, with their names',
      ),
      ...writeOpenAI('A-65 a call and its result get the same id in the form of the backend'),
      ...profiles('the profile {name} asks as its vendor understands'),
    ],
  },
  'A-66': {
    what: 'ids to the client are new in the whole conversation',
    proofs: [
      ...encodeAnthropic(
        'A-66 ids that are empty, illegal, repeated or of an earlier turn are replaced',
        'A-66 ids stay unique even where the minting repeats itself',
      ),
      ...encodeOpenAI('ids that were used before, or have a foreign form, are made anew (A-66)'),
    ],
  },
  'A-67': {
    what: 'ids to Claude have its characters',
    proofs: [...claudeMessages('ids in foreign characters are rewritten on both ends (A-67)')],
  },
  'A-70': {
    what: 'reasoning goes back only where it is understood',
    proofs: [
      ...readAnthropic('A-70 thinking is read with its signature, and encrypted thinking as it is'),
      ...writeOpenAI(
        'A-70 vLLM gets the reasoning of the current tool loop only',
        'A-70 DeepSeek gets it on every turn with calls, even where it is empty',
        'A-70 OpenAI gets none, and that is noted',
      ),
    ],
  },
  'A-71': {
    what: 'thinking of ours is marked, and taken out before Claude',
    proofs: [
      ...encodeAnthropic('S-21 thinking and text in turn are blocks in turn, each thinking signed once'),
      ...foreignThinking('foreign thinking {where} goes, and no other byte changes'),
    ],
    decided: 'The mark is a constant: nothing is learnt from telling one’s own words from another’s.',
  },
  'A-72': {
    what: 'a tool loop that lost its thinking goes on without a budget',
    proofs: [
      ...foreignThinking('A-72 a tool loop that lost its thinking goes without a thinking budget, this once'),
      ...claudeMessages('whether a tool turn goes on without its reasoning is noticed (A-72)'),
      ...claudeThinking(
        'a tool turn whose reasoning is lost goes on without reasoning on budget models only (A-72)',
      ),
    ],
  },
  'A-73': {
    what: 'thinking on, off and unsaid have their counterparts',
    proofs: [
      ...readAnthropic('A-73 {name}'),
      ...writeOpenAI('A-73 vLLM is switched on and off by the template', 'A-73 A-75 for OpenAI {name}'),
    ],
  },
  'A-74': {
    what: 'thinking that is omitted is thought and not sent',
    proofs: [
      ...readAnthropic('A-73 {name}'),
      ...encodeAnthropic('S-23 thinking that the client did not ask for is not sent'),
    ],
  },
  'A-75': {
    what: 'an effort becomes the nearest that the backend knows',
    proofs: [
      ...writeOpenAI(
        'A-73 A-75 for OpenAI {name}',
        'A-75 an effort between two that are known goes to the higher',
        'A-75 a backend without a way to switch off is left alone',
        'A-75 no effort beside tools where the backend refuses both',
      ),
      ...profiles('the profile {name} asks as its vendor understands'),
    ],
  },
  'A-76': {
    what: 'Claude’s rules for sampling bind no other model',
    proofs: [...writeOpenAI('A-76 Claude’s rules for sampling beside thinking bind no other model')],
  },
  'A-80': {
    what: 'a warm-up of no tokens is answered here',
    proofs: [
      ...readAnthropic('A-80 max_tokens 0 is kept for the caller to answer'),
      ...context(
        "a cache warm-up is answered with nothing, asked of nobody and free ({stream ? 'streamed' : 'in one piece'})",
      ),
    ],
  },
  'A-81': {
    what: 'an answer is shortened to what the window leaves, exactly after a refusal',
    proofs: [
      ...context(
        'what Claude Code asks of a small model is shortened beforehand',
        'prompt and answer too long together ({server}): asked once more with the exact room',
      ),
      ...native('prompt and answer too long together: asked once more with the exact room'),
    ],
  },
  'A-82': {
    what: 'sampling goes as it is, where it is taken',
    proofs: [
      ...writeOpenAI(
        'A-82 sampling goes as it is; top_k only where it is known',
        "A-82 OpenAI's reasoning models get no temperature while they reason",
      ),
    ],
  },
  'A-83': {
    what: 'stop sequences beyond the backend’s number are kept by the gateway',
    proofs: [
      ...context(
        'A-83 a vendor that takes no stop sequences is chosen by its profile, and the gateway stops for it',
        "the fifth stop sequence is kept by the gateway ({stream ? 'streamed' : 'in one piece'})",
      ),
      ...writeOpenAI(
        'A-83 stop sequences beyond what the backend takes are left out and named',
        'A-83 a backend that takes no stop sequences gets none',
      ),
      ...stopText('however the text is cut, the same is shown and the same sequence found'),
    ],
  },
  'A-84': {
    what: 'the user goes out as a hash, the session as a cache key',
    proofs: [
      ...writeOpenAI(
        "A-84 the client's user is sent as a hash, or not at all",
        'A-84 the session is a hashed cache key where the backend knows one',
      ),
    ],
    decided:
      'The hash is of the whole id as sent, so it is one per session where the client packs the session into it.',
  },
  'A-85': {
    what: 'the service tier is translated, or left out',
    proofs: [
      ...writeOpenAI('A-85 the service tier is said in OpenAI’s words, and only to those who know it'),
    ],
  },
  'A-86': {
    what: 'structured output is kept, or asked for in words',
    proofs: [
      ...readAnthropic('A-86 structured output is read in its present and its old field'),
      ...writeOpenAI('A-86 structured output is strict only where its schema is'),
      ...context('a backend that refuses response_format is asked in words instead, once found out'),
    ],
  },
  'A-87': {
    what: 'streams are asked for their usage',
    proofs: [
      ...writeOpenAI('A-87 a stream asks for its usage where the backend understands that'),
      ...context('a backend that refuses stream_options is asked without them, once found out'),
    ],
  },
  'A-88': {
    what: 'marks for caching never reach a backend that does not know them',
    proofs: [
      ...writeOpenAI(
        "nothing of Claude Code's own fields reaches a backend",
        'A-27 marks for caching and keys nobody knows change nothing, on blocks of every kind',
      ),
    ],
    decided: 'OpenRouter’s marks within parts are not written: its models cache by themselves or not at all.',
  },
  'A-89': {
    what: 'MCP servers are refused, since their tools would vanish',
    proofs: [...readAnthropic('A-89 MCP servers are refused, an empty list is not')],
  },
};
