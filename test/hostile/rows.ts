/**
 * The 58 things that must not hurt (shared/facts/platform.md, D3), each with the tests that prove it. What a row asks
 * and the product decides otherwise, or does not do yet, is said in the row.
 */

/** A test: its file below the project, and its name as the source has it, `{…}` for `${…}`. */
export type Proof = readonly [file: string, name: string];

export interface Row {
  readonly what: string;
  readonly proofs: readonly Proof[];
  /** Where the row's expectation was not followed, and why. */
  readonly decided?: string;
  /** What of it is not built yet, and the issue that builds it. */
  readonly missing?: string;
}

const from =
  (file: string) =>
  (...names: readonly string[]): readonly Proof[] =>
    names.map((name) => [file, name] as const);

const framing = from('test/hostile/framing.test.ts');
const slow = from('test/hostile/slow-clients.test.ts');
const upstream = from('test/hostile/upstream-faults.test.ts');
const strangers = from('test/hostile/auth.test.ts');
const lifecycle = from('test/hostile/lifecycle.test.ts');
const refusals = from('test/gateway/refusals.test.ts');
const faults = from('test/gateway/faults.test.ts');
const gateway = from('test/gateway/lifecycle.test.ts');
const reload = from('test/gateway/reload.test.ts');
const attacks = from('test/auth/attacks.test.ts');
const outage = from('test/auth/provider-outage.test.ts');
const processes = from('test/quota/several-processes.test.ts');
const valkey = from('test/quota/valkey-store.test.ts');

const BROKEN_BACKEND = '{path}: a backend that {what} is a {expected} in the caller’s dialect, and free';
const MALFORMED = 'malformed, {what}: 400, the connection ends and nothing is asked or charged';

export const ROWS: Readonly<Record<number, Row>> = {
  1: {
    what: 'ambiguous or malformed framing',
    proofs: framing(
      MALFORMED,
      'CONNECT is closed without an answer',
      'an unknown expectation is a 417 in words',
    ),
  },
  2: { what: 'two Hosts, Authorizations, x-api-keys', proofs: framing(MALFORMED) },
  3: { what: 'transfer codings other than chunked', proofs: framing(MALFORMED) },
  4: { what: 'absolute targets', proofs: framing(MALFORMED) },
  5: {
    what: 'odd paths',
    proofs: framing(
      'the path {path} is no route',
      'encoded slashes and dots in a model id are looked up as a model, never as another path',
    ),
    decided: '%2f is allowed below /v1/models/, where ids hold slashes.',
  },
  6: {
    what: 'spoofed headers',
    proofs: framing('spoofed headers of {path} as {tier} change nothing and reach no backend'),
  },
  7: { what: 'prototype keys', proofs: framing('prototype keys in a body pollute nothing') },
  8: { what: 'headers over 32 KiB', proofs: framing('headers of {what}: 431 with advice') },
  9: {
    what: 'bodies over the limit',
    proofs: [
      ...refusals(
        'a body above the limit is refused before it is read, by its announced length and by counting',
      ),
      ...framing(
        'a body is asked for only when it will be read',
        'a flood beyond the limit is cut off and not kept',
        'a body in chunks of one byte costs memory by its length, not by its pieces',
      ),
    ],
  },
  10: { what: 'compressed requests', proofs: refusals('a body of another type, or compressed, is refused') },
  11: {
    what: 'JSON that is none, or odd',
    proofs: [
      ...framing(
        'JSON with {what} is refused',
        'what only the backend needs to understand goes there byte for byte',
      ),
      ...from('test/protocol/scan-request.test.ts')('a key given twice is refused, whatever its spelling'),
    ],
  },
  12: {
    what: 'JSON that is deep, wide or long',
    proofs: [
      ...framing('a body {what} is answered soon, and others do not wait for it'),
      ...from('test/protocol/scan-request.test.ts')(
        'nesting is allowed up to its limit and not beyond, in no time',
        'a thousand fields and half a million lists are read, and not one more',
      ),
    ],
    decided: 'No test asserts the 200 ms of event-loop lag: a busy machine breaks it.',
  },
  13: {
    what: 'hostile model names',
    proofs: [
      ...framing(
        'a model name {what} is refused and leaves no trace in headers, log or metrics',
        'a model name that climbs is a name like any other',
      ),
      ...upstream('a model with an odd name in a backend’s list breaks no header'),
    ],
  },
  14: {
    what: 'unknown routes and methods',
    proofs: [
      ...refusals('unknown paths and methods are said in the caller’s dialect'),
      ...framing('methods that no path takes are refused with Allow'),
    ],
  },
  15: { what: 'line breaks in copied headers', proofs: framing(MALFORMED) },
  16: {
    what: 'headers that drip',
    proofs: slow(
      'headers that drip are cut off in time, in words',
      'a line of HTTP/0.9 and a connection that says nothing end the same way',
    ),
  },
  17: {
    what: 'bodies that drip',
    proofs: [
      ...slow('a body that drips is cut off in time and holds no quota'),
      ...refusals('a body that never ends is cut off in time, and nothing is held'),
    ],
  },
  18: {
    what: 'a thousand idle connections',
    proofs: slow(
      'a thousand idle connections harm nobody and are closed in time',
      'a connection in use again and again is not idle',
    ),
  },
  19: {
    what: 'slow readers',
    proofs: [
      ...slow(
        'a reader of 1 KB a second pauses a flood of events, and memory stays bounded',
        'who does not read a whole answer is let go, and the memory with it',
        'who reads slowly but steadily gets the whole answer',
      ),
      ...faults('a client that does not read slows its backend down instead of filling memory'),
    ],
  },
  20: {
    what: 'clients that leave before the answer',
    proofs: [
      ...slow('{how} before the first byte frees the backend and costs nothing'),
      ...faults('{way.name}: a client that leaves before the answer frees the backend and is not charged'),
    ],
  },
  21: {
    what: 'clients that leave in the answer',
    proofs: faults(
      '{way.name}: a client that leaves in the answer frees the backend within a second and is charged once',
    ),
  },
  22: {
    what: 'half a close after the request',
    proofs: slow(
      'half a close after a request that is answered at once does not lose the answer',
      '{how} before the first byte frees the backend and costs nothing',
    ),
    decided:
      'A client that closed its side is taken to have left while a model works: the same packet tells of a closed ' +
      'client, which is common, and of one that still reads, which no client of ours is. nginx and Go decide alike.',
  },
  23: {
    what: 'five hundred clients that leave',
    proofs: slow('five hundred clients that leave at once, in every phase, leave nothing behind'),
  },
  24: {
    what: 'backends that cannot be reached or trusted',
    proofs: upstream(
      'where {what}, the answer is a 502 that names no address',
      'a backend whose certificate {what} gets nothing, and the caller a 502',
    ),
  },
  25: {
    what: 'backends that never answer',
    proofs: faults('{way.name}: a backend that {what} is a {status}, given back'),
  },
  26: {
    what: 'refusals before the first byte',
    proofs: [
      ...upstream(BROKEN_BACKEND),
      ...faults(
        '{way.name}: the backend’s own limits never reach the client',
        'a request is served by the next replica when the first cannot be reached',
      ),
    ],
  },
  27: {
    what: 'backends that die in their stream',
    proofs: faults(
      '{way.name}: a backend that dies in its answer ({by}) ends in the dialect’s error and is given back',
    ),
  },
  28: {
    what: 'streams that begin with an error',
    proofs: faults('{way.name}: a stream whose first event is an error has a real status'),
  },
  29: {
    what: 'backends that fall silent',
    proofs: faults('{way.name}: a backend that falls silent in its answer is given up in time'),
  },
  30: {
    what: 'events however they are cut',
    proofs: [
      ...upstream(
        '{path}: a stream cut into single bytes reads the same',
        '{path}: an event of a megabyte arrives whole, one beyond the limit ends in an error',
      ),
      ...from('test/protocol/sse.test.ts')(
        'frames do not depend on how the bytes were cut',
        'lines may end with LF, CRLF or CR, mixed within one stream',
        'a byte order mark is removed at the start and nowhere else',
        'a character of four bytes survives every cut',
      ),
    ],
  },
  31: {
    what: 'streams without their end',
    proofs: [
      ...faults(
        '{way.name}: a backend that dies in its answer ({by}) ends in the dialect’s error and is given back',
      ),
      ...from('test/protocol/sse.test.ts')(
        'the last frame counts without its blank line and without its line end',
      ),
    ],
    decided: 'A last event whose blank line alone is missing counts: it is whole (translation.md T-01).',
  },
  32: {
    what: 'garbage in place of an answer',
    proofs: upstream(
      BROKEN_BACKEND,
      '{path}: {what} in place of a stream is an error with a real status',
      '{path}: garbage within a stream never passes for a good end',
    ),
  },
  33: {
    what: 'answers nobody asked for',
    proofs: upstream('an answer nobody asked for poisons nobody’s connection'),
  },
  34: {
    what: 'stale connections',
    proofs: upstream(
      'a kept connection that resets under a request is not tried again once the request was sent',
      'a backend that closes after each answer costs its callers nothing',
    ),
  },
  35: { what: 'redirects', proofs: upstream(BROKEN_BACKEND) },
  36: {
    what: 'headers of backends',
    proofs: upstream('{path}: nothing of the backend’s headers reaches the client'),
  },
  37: { what: 'gigantic headers, a thousand codings', proofs: upstream(BROKEN_BACKEND) },
  38: { what: 'forged tokens', proofs: attacks('{name}: 401, no fetch, nothing repeated') },
  39: {
    what: 'tokens of another kind or time',
    proofs: [
      ...from('test/auth/oidc.test.ts')('a token {name}: {expected}', 'a token {name} is accepted'),
      ...from('test/auth/oidc-provider.test.ts')(
        'the ID token and the refresh token of the same sign-in are refused',
      ),
    ],
  },
  40: {
    what: 'floods of unknown key ids',
    proofs: outage(
      'a thousand unknown key ids cost one fetch, and good tokens keep passing',
      'a flood while the provider is down costs one request in 30 seconds, and good tokens keep passing',
    ),
  },
  41: {
    what: 'an identity provider that is away, keys that change',
    proofs: outage(
      'with the provider down for an hour not one good token is refused',
      'keys that change every minute in the midst of traffic lose not one good token',
    ),
  },
  42: {
    what: 'mistyped keys, keys in the address',
    proofs: [
      ...from('test/auth/keys.test.ts')('one changed character fails the checksum'),
      ...from('test/gateway/sign-in.test.ts')(
        'a mistyped key costs no question to the realm and none to the store',
      ),
      ...strangers('a key in the address counts for nothing'),
      ...framing('nothing of the query but Anthropic’s beta switch goes on to a backend'),
    ],
  },
  43: {
    what: 'two different credentials',
    proofs: refusals(
      'no credential, an unknown one, a foreign one and two different ones are refused, each in one sentence',
    ),
  },
  44: {
    what: 'foreign keys',
    proofs: refusals('either header is accepted, and a foreign key beside ours is dropped'),
  },
  45: {
    what: 'tier claims of any shape',
    proofs: [
      ...attacks('a tier claim that is {name} gives the tier {tier}'),
      ...from('test/auth/tiers.test.ts')(
        'claims of any shape give a tier of the plan or none, and never crash',
      ),
      ...from('test/gateway/keycloak.test.ts')('a new tier counts from the next request'),
    ],
  },
  46: {
    what: 'five hundred requests over four processes',
    proofs: [
      ...from('test/gateway/many-processes.test.ts')(
        'of 500 requests at once over 4 gateways that share a SQLite file, exactly 10 are admitted',
        'of 500 requests at once over 4 gateways that share a Valkey, exactly 10 are admitted',
      ),
      ...processes('{name}: of 500 requests at once in each of 4 processes exactly the limit is admitted'),
    ],
  },
  47: {
    what: 'a process that is killed',
    proofs: processes('{name}: what a killed process held is free after the lease, what it used stays used'),
  },
  48: {
    what: 'a store that fails in the middle',
    proofs: valkey(
      'a server that lost the scripts is given them again',
      'steps whose connection is cut are done once',
      'a server that became a replica refuses and takes steps again as a primary',
      'a server that hangs makes steps fail within the command timeout, and they count once later',
      'in a cluster the keys of a step are in one slot',
    ),
  },
  49: {
    what: 'midnight',
    proofs: from('test/quota/quota.test.ts')(
      'after midnight there is a new allowance',
      'a request admitted before midnight is charged to its own day',
      "a process whose clock is {skew} h off still counts in the store's day",
    ),
  },
  50: {
    what: 'clients that meet an exhausted day',
    proofs: [
      ...gateway(
        'ten a day means ten: the eleventh is refused at once, asks no backend and stops every client',
      ),
      ...from('e2e/claude-code.e2e.ts')(
        'an exhausted day stops Claude Code ({mode} mode) at once with one clear sentence',
      ),
      ...from('e2e/sdk.e2e.ts')('{what}: an exhausted day is a RateLimitError after one request, at once'),
      ...from('test/gateway/dialects.test.ts')(
        'counting tokens asks the counter of the backend, else estimates; both are free',
      ),
    ],
  },
  51: {
    what: 'an answer that is cut and asked for again',
    proofs: from('test/quota/quota.test.ts')('an answer cut by the backend and its replay are one charge'),
  },
  52: {
    what: 'a base address that ends in /v1',
    proofs: from('test/gateway/dialects.test.ts')('a base address that ends in /v1 works for both dialects'),
  },
  53: {
    what: 'the end with open streams',
    proofs: [
      ...lifecycle('SIGTERM with a hundred open streams cuts none of them'),
      ...gateway('a second signal ends at once'),
    ],
  },
  54: {
    what: 'reload',
    proofs: reload(
      'a changed file is taken over by itself; one that is wrong is not, and the last good one stays',
      'a broken file, an empty one and a missing one are refused',
      'a ConfigMap that is swapped under load loses no request, and an open stream ends where it began',
    ),
  },
  55: {
    what: 'canaries in log and metrics',
    proofs: strangers(
      'nothing of a whole day of requests is in log or metrics: no prompt, answer, key, token, cookie or address',
    ),
  },
  56: {
    what: 'long mixed load',
    proofs: lifecycle('two thousand mixed requests and faults return descriptors, reservations and memory'),
    missing: 'The same for 30 minutes, as a command of its own: issue 8, second point of "seen working by".',
  },
  57: {
    what: 'a process that stands still',
    proofs: lifecycle('a process that stands still loses nothing when it goes on'),
  },
  58: {
    what: 'proxies of the environment, descriptors used up',
    proofs: lifecycle(
      'proxies of the environment are not used for backends',
      'with all descriptors in use the gateway refuses for a while and recovers',
    ),
  },
};
