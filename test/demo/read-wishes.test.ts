import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readWishes, type Wish } from '../../src/demo/read-wishes.ts';

const write = (path: string, content: string): Wish => ({ kind: 'write', path, content });
const read = (path: string): Wish => ({ kind: 'read', path });

const UNDERSTOOD: readonly (readonly [prompt: string, ...wishes: Wish[]])[] = [
  ['create a file hello.txt containing Hello World', write('hello.txt', 'Hello World')],
  ['Create a file hello.txt containing Hello World.', write('hello.txt', 'Hello World')],
  [
    'Please create a file called "hello.txt" with the content "Hello World".',
    write('hello.txt', 'Hello World'),
  ],
  ['write "Hello World" to hello.txt', write('hello.txt', 'Hello World')],
  ["Save 'Hello World' in the file notes.md", write('notes.md', 'Hello World')],
  ['write the text Hello to hello.txt', write('hello.txt', 'Hello')],
  ['make a new file named foo/bar.txt with the text: foo bar', write('foo/bar.txt', 'foo bar')],
  ['create hello.txt with Hello World', write('hello.txt', 'Hello World')],
  ['write a file hello.txt that says hello', write('hello.txt', 'hello')],
  ['create a file with the text Hello in hello.txt', write('hello.txt', 'Hello')],
  ['create a file containing "Hi" called hi.txt', write('hi.txt', 'Hi')],
  ['create a file named hello.txt and put "Hello" in it', write('hello.txt', 'Hello')],
  ['Can you create a file a.json with this content: {"a": 1}', write('a.json', '{"a": 1}')],
  ['Create a file `Makefile` with:\n```make\nall:\n\techo hi\n```\n', write('Makefile', 'all:\n\techo hi')],
  ['create an empty file x.txt', write('x.txt', '')],
  [
    'Create a file /tmp/x/a.txt containing exactly: Hello World. Then read it',
    write('/tmp/x/a.txt', 'Hello World'),
    read('/tmp/x/a.txt'),
  ],
  [
    'Create a file a.txt containing the text "A, then read b", then read it and tell me what it says',
    write('a.txt', 'A, then read b'),
    read('a.txt'),
  ],
  ['read hello.txt', read('hello.txt')],
  ['What is in hello.txt?', read('hello.txt')],
  ['show me the contents of src/main.ts', read('src/main.ts')],
  ['what does README.md say?', read('README.md')],
  ['please run the command `date -u`', { kind: 'run', command: 'date -u' }],
  ['run `ls` and then read a.txt', { kind: 'run', command: 'ls' }, read('a.txt')],
];

for (const [prompt, ...wishes] of UNDERSTOOD) {
  test(`understood: ${JSON.stringify(prompt)}`, () => assert.deepEqual(readWishes(prompt), wishes));
}

const LEFT_ALONE = [
  'make main.py faster',
  'create main.py',
  'make main.py less empty',
  'create a file hello.py that prints hello',
  'add a docstring to main.py',
  'write unit tests to foo.test.ts',
  'write a poem about rivers',
  'tell me about cats',
  'run the tests',
  'read it',
  'I want to understand how to create a file hello.txt containing Hello',
  `create a file a.txt containing ${'x'.repeat(4000)}`,
  '',
];

for (const prompt of LEFT_ALONE) {
  test(`left alone: ${JSON.stringify(prompt.slice(0, 60))}`, () => assert.deepEqual(readWishes(prompt), []));
}

test('a quoted content arrives exactly, whatever it says', () => {
  const content = fc.string({ maxLength: 60 }).filter((text) => !/["`]/.test(text));
  fc.assert(
    fc.property(content, (text) => {
      assert.deepEqual(readWishes(`create a file a.txt containing "${text}"`), [write('a.txt', text)]);
    }),
  );
});

test('no prompt makes it throw or stall', () => {
  const words = fc.constantFrom(
    'create',
    'a',
    'file',
    'a.txt',
    'to',
    'with',
    '"',
    '`',
    "'",
    'then',
    'it',
    '\n',
  );
  const prompt = fc.oneof(
    fc.string({ maxLength: 4000 }),
    fc.array(words, { maxLength: 900 }).map((list) => list.join(' ')),
  );
  fc.assert(
    fc.property(prompt, (text) => {
      const started = performance.now();
      readWishes(text);
      assert.ok(performance.now() - started < 1000);
    }),
  );
});
