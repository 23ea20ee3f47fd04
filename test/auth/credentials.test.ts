import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCredentials } from '../../src/auth/credentials.ts';
import { GatewayError } from '../../src/errors.ts';

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
  return 'no error';
};

const CASES: readonly (readonly [name: string, headers: readonly string[], values: readonly string[]])[] = [
  ['a Bearer token is read', ['Authorization', 'Bearer abc'], ['abc']],
  ['an API key is read', ['X-Api-Key', 'abc'], ['abc']],
  ['header names and the scheme ignore case', ['AUTHORIZATION', 'bEaReR abc'], ['abc']],
  [
    'two headers with one value are one credential',
    ['authorization', 'Bearer abc', 'x-api-key', 'abc'],
    ['abc'],
  ],
  [
    'two different values are both reported, authorization first',
    ['x-api-key', 'b', 'authorization', 'Bearer a'],
    ['a', 'b'],
  ],
  ['spaces around a value do not count', ['authorization', 'Bearer   abc ', 'x-api-key', ' abc\t'], ['abc']],
  ['a key may hold spaces and any punctuation', ['x-api-key', 'a b,c="d"'], ['a b,c="d"']],
  ['the key keeps its case', ['x-api-key', 'AbC'], ['AbC']],
  ['no headers carry no credential', [], []],
  [
    'other headers carry none',
    ['host', 'gateway', 'cookie', 'x-api-key=abc', 'proxy-authorization', 'Bearer abc'],
    [],
  ],
  ['a look-alike with an underscore is ignored', ['x_api_key', 'abc', 'X_Authorization', 'Bearer abc'], []],
  [
    'forwarded look-alikes are ignored',
    ['x-forwarded-authorization', 'Bearer abc', 'x-goog-api-key', 'abc'],
    [],
  ],
  ['an empty key counts as not sent', ['x-api-key', '', 'authorization', 'Bearer abc'], ['abc']],
  ['a scheme without a token counts as not sent', ['authorization', 'Bearer ', 'x-api-key', 'abc'], ['abc']],
  ['a name without a value is not read', ['x-api-key'], []],
  [
    'a key in a value of another header is not read',
    ['referer', '/v1/messages?x-api-key=abc&access_token=abc'],
    [],
  ],
];

for (const [name, headers, values] of CASES) {
  test(name, () => {
    assert.deepEqual(readCredentials(headers), { values, otherScheme: false });
  });
}

for (const sent of ['Basic YTpi', 'abc', 'BearerX abc', 'Bearer,abc', 'Digest username="a"', 'DPoP abc']) {
  test(`authorization "${sent}" is another scheme`, () => {
    assert.deepEqual(readCredentials(['authorization', sent]), { values: [], otherScheme: true });
  });
}

test('an API key beside another scheme is read', () => {
  assert.deepEqual(readCredentials(['authorization', 'Basic YTpi', 'x-api-key', 'abc']), {
    values: ['abc'],
    otherScheme: true,
  });
});

for (const name of ['authorization', 'x-api-key']) {
  test(`${name} sent twice is refused, even with one value`, () => {
    assert.equal(
      codeOf(() => readCredentials([name, 'Bearer a', name.toUpperCase(), 'Bearer a'])),
      'ambiguous_credential',
    );
    assert.equal(
      codeOf(() => readCredentials([name, '', name, 'Bearer a'])),
      'ambiguous_credential',
    );
  });

  test(`${name} of 8 KiB is read and one byte more is refused`, () => {
    const value = `Bearer ${'a'.repeat(8 * 1024 - 7)}`;
    assert.equal(readCredentials([name, value]).values.length, 1);
    assert.equal(
      codeOf(() => readCredentials([name, `${value}a`])),
      'headers_too_large',
    );
  });
}

test('no refusal repeats what was sent', () => {
  const secret = 'k'.repeat(9000);
  for (const headers of [
    ['x-api-key', secret],
    ['x-api-key', 'kkkk', 'x-api-key', 'kkkk'],
  ]) {
    assert.throws(
      () => readCredentials(headers),
      (error: Error) => !error.message.includes('kkk'),
    );
  }
});

const headerName = fc.oneof(
  fc.constantFrom(
    'authorization',
    'Authorization',
    'x-api-key',
    'X-API-Key',
    'x_api_key',
    '__proto__',
    'constructor',
  ),
  fc.string(),
);
const headerValue = fc.oneof(fc.constantFrom('Bearer abc', 'bearer', 'Basic abc', 'abc', ''), fc.string());

test('any list of headers gives at most two non-empty, different values or a refusal of the two known kinds', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(headerName, headerValue)), (rawHeaders) => {
      try {
        const { values } = readCredentials(rawHeaders);
        assert.ok(values.length <= 2);
        assert.equal(new Set(values).size, values.length);
        assert.ok(!values.includes(''));
      } catch (error) {
        assert.ok(error instanceof GatewayError);
        assert.ok(['ambiguous_credential', 'headers_too_large'].includes(error.code));
      }
    }),
  );
});

test('every value that is read was sent, in a header that may carry it', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(headerName, headerValue)), (pairs) => {
      const carrying = pairs.filter(([name]) => /^(?:authorization|x-api-key)$/i.test(name));
      fc.pre(new Set(carrying.map(([name]) => name.toLowerCase())).size === carrying.length);
      for (const value of readCredentials(pairs.flat()).values) {
        assert.ok(carrying.some(([, sent]) => sent.includes(value)));
      }
    }),
  );
});

test('other headers around them never change what is read', () => {
  const other = fc.tuple(
    fc.string().filter((name) => !/^(?:authorization|x-api-key)$/i.test(name)),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(other), fc.array(other), (before, after) => {
      const headers = [...before.flat(), 'x-api-key', 'one', 'authorization', 'Bearer two', ...after.flat()];
      assert.deepEqual(readCredentials(headers).values, ['two', 'one']);
    }),
  );
});
