/** Errors, and conversations that move between backends (§4, §6). */
import { type Rules, testsOf } from './rule.ts';

const wire = testsOf('test/gateway/wire.test.ts');
const transcribe = testsOf('test/protocol/transcribe.test.ts');
const refusals = testsOf('test/gateway/refusals.test.ts');
const lifecycle = testsOf('test/gateway/lifecycle.test.ts');
const retryAfter = testsOf('test/protocol/retry-after.test.ts');
const upstreamError = testsOf('test/protocol/upstream-error.test.ts');
const faults = testsOf('test/gateway/faults.test.ts');
const upstreamFaults = testsOf('test/hostile/upstream-faults.test.ts');
const cleanMessage = testsOf('test/protocol/clean-message.test.ts');
const decodeOpenAI = testsOf('test/protocol/openai/decode-reply.test.ts');
const encodeAnthropic = testsOf('test/protocol/anthropic/encode-reply.test.ts');
const context = testsOf('test/gateway/context.test.ts');
const overflow = testsOf('test/protocol/context-overflow.test.ts');
const writeOpenAI = testsOf('test/protocol/openai/write-request.test.ts');
const readAnthropic = testsOf('test/protocol/anthropic/read-request.test.ts');
const differential = testsOf('test/protocol/differential.test.ts');
const foreignThinking = testsOf('test/protocol/anthropic/drop-foreign-thinking.test.ts');
const claudeMessages = testsOf('test/protocol/anthropic/write-messages.test.ts');
const replicas = testsOf('test/gateway/replicas.test.ts');
const failover = testsOf('test/gateway/failover.test.ts');
const claudeStreams = testsOf('test/protocol/anthropic/recorded-streams.test.ts');

export const FAILURE_RULES: Rules = {
  'E-01': {
    what: 'error types are an open list',
    proofs: [...wire('{what}: Claude’s own words reach its client, byte for byte and after one request')],
  },
  'E-02': {
    what: 'Claude’s errors reach its clients as they are',
    proofs: [
      ...wire('{what}: Claude’s own words reach its client, byte for byte and after one request'),
      ...transcribe('an error of Claude passes as it is'),
    ],
    decided:
      'Limits and request ids of Claude’s account are the operator’s affair; the caller reads those of the gateway.',
  },
  'E-03': {
    what: 'refusals of the gateway’s own are in the caller’s dialect and say whether to retry',
    proofs: [
      ...refusals('{what} is refused in the caller’s dialect, with no backend asked and nothing charged'),
      ...lifecycle(
        'ten a day means ten: the eleventh is refused at once, asks no backend and stops every client',
      ),
    ],
  },
  'E-04': {
    what: 'the time to wait travels in every form',
    proofs: [
      ...retryAfter('retry after: {name}'),
      ...upstreamError('the time to wait travels with the error'),
      ...faults('{way.name}: the backend’s own limits never reach the client'),
    ],
    decided: 'A backend’s rate limits are the operator’s: never mapped, never passed on.',
  },
  'E-05': {
    what: 'tries are few, before the first content, and never after a request may have been served',
    proofs: [
      ...faults('a request is served by the next replica when the first cannot be reached'),
      ...upstreamFaults(
        'a kept connection that resets under a request is not tried again once the request was sent',
      ),
    ],
  },
  'E-06': {
    what: 'a backend’s words lose addresses and keys, and nothing else',
    proofs: [
      ...cleanMessage(
        'addresses of backends are removed in every form',
        'ordinary sentences about models, fields and numbers stay whole',
      ),
      ...decodeOpenAI('invariant 7: neither addresses nor keys of a backend reach the client'),
    ],
  },
  'E-07': {
    what: 'a failure in a stream is a named event',
    proofs: [
      ...encodeAnthropic('E-07 a failure ends the stream with a named event and leaves open blocks open'),
    ],
  },
  'E-08': {
    what: 'an error inside a stream is no good end',
    proofs: [...decodeOpenAI('E-08 an error inside a stream is an error, whatever follows it')],
  },
  'E-09': {
    what: 'a client that leaves frees the backend',
    proofs: [
      ...faults(
        '{way.name}: a client that leaves in the answer frees the backend within a second and is charged once',
      ),
    ],
  },
  'E-10': {
    what: 'an overflow is said in the words that make Claude Code compact',
    proofs: [
      ...faults('a context overflow becomes the words that make Claude Code compact'),
      ...context('a prompt too long ({server}): one request, and the words that make Claude Code compact'),
    ],
  },
  'E-11': {
    what: 'an overflow is recognised in every server’s words',
    proofs: [
      ...overflow(
        'an overflow is recognised in the words of {who}',
        'an overflow in the words of {who} is said so that Claude Code acts on it',
      ),
    ],
  },
  'E-12': {
    what: 'where prompt and answer do not fit together, the answer gives way',
    proofs: [
      ...context(
        'prompt and answer too long together ({server}): asked once more with the exact room',
        'what is still too long at the second try is said, not tried a third time',
        'Claude’s own overflow is passed on as it is, in one request',
      ),
    ],
    decided: 'The gateway retries by itself, so Claude’s second wording is never made up, only passed on.',
  },
  'E-13': {
    what: 'OpenAI’s clients read the code of an overflow',
    proofs: [...faults('a context overflow becomes the code that OpenAI’s clients know')],
  },
  'E-14': {
    what: 'users of small windows are told what to set',
    proofs: [],
    decided: 'Said in README.md, where the internal model is connected.',
  },
  'E-15': {
    what: 'words that Claude Code acts upon stay as they are',
    proofs: [
      ...wire('{what}: Claude’s own words reach its client, byte for byte and after one request'),
      ...overflow("Claude's own words stay as they are, whatever surrounds them"),
    ],
  },
  'X-01': {
    what: 'from Claude to another model in the middle of a loop',
    proofs: [
      ...writeOpenAI('A-70 vLLM gets the reasoning of the current tool loop only'),
      ...readAnthropic('A-28 what only Claude understands becomes text'),
      ...differential(
        'a conversation in the {client} dialect means the same to a backend of the {backend} format',
      ),
    ],
  },
  'X-02': {
    what: 'from another model to Claude',
    proofs: [
      ...foreignThinking(
        'foreign thinking {where} goes, and no other byte changes',
        'a message that was nothing but foreign thinking goes as a whole',
      ),
      ...claudeMessages('ids in foreign characters are rewritten on both ends (A-67)'),
    ],
  },
  'X-03': {
    what: 'from one Claude to another',
    proofs: [...wire('{what}: Claude’s own words reach its client, byte for byte and after one request')],
  },
  'X-04': {
    what: 'no change of backend within an answer, or without need',
    proofs: [
      ...replicas('a Claude Code session stays with one replica, another session has its own'),
      ...failover('after the first content nobody else is asked: the stream ends in an error'),
      ...faults(
        'a request is served by the next replica when the first cannot be reached',
        '{way.name}: a backend that dies in its answer ({by}) ends in the dialect’s error and is given back',
      ),
    ],
    decided:
      'Conversations keep to a replica; no answer moves once it has begun. Targets change where one is refused or away.',
  },
  'X-05': {
    what: 'blocks of Claude’s own become text elsewhere',
    proofs: [
      ...readAnthropic('A-28 what only Claude understands becomes text'),
      ...claudeStreams('{name}: read as {fixture.like} means it'),
    ],
    fixtures: ['anthropic/compacted', 'anthropic/fallback-to-another-model'],
  },
  'X-06': {
    what: 'tool search is Claude’s own',
    proofs: [
      ...readAnthropic(
        'A-45 a reference to a tool in a result becomes text',
        'A-40 a custom tool, typed or not; keys of betas never reach its schema',
      ),
    ],
  },
  'X-07': {
    what: 'what only Claude can do is refused elsewhere, not lost',
    proofs: [
      ...readAnthropic(
        'A-43 a hosted tool that is forced, or is all there is, is refused',
        'A-89 MCP servers are refused, an empty list is not',
        'A-32 a file id is refused at its place',
      ),
    ],
    decided: 'Such requests are refused where they arrive; the router does not look into bodies.',
  },
};
