/**
 * Who may import whom (ARCHITECTURE.md). Each rule says why it is there and what to do instead, because that is
 * what the person who breaks it needs to read.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';
import { type Code, type Import, importsOf, linesWith, toCode } from './support/imports.ts';

/** Layer of each file and folder at the top of src/; a file may import from lower layers and its own folder. */
const LAYERS: Readonly<Record<string, number>> = {
  'types.ts': 0,
  'errors.ts': 0,
  'after.ts': 0,
  'body-memory.ts': 0,
  protocol: 1,
  store: 1,
  auth: 2,
  quota: 2,
  routing: 2,
  upstream: 2,
  relay: 2,
  'responses-store': 2,
  usage: 2,
  config: 2,
  observe: 2,
  demo: 2,
  http: 3,
  console: 3,
  'pipeline.ts': 3,
  compose: 4,
  'gateway.ts': 5,
  cli: 6,
  'main.ts': 6,
};

/** Files outside protocol/ that decide without asking clock, chance, network or disk. */
const PURE = [
  'auth/operators.ts',
  'auth/tiers.ts',
  'quota/draws.ts',
  'quota/estimate-cost.ts',
  'quota/headers.ts',
  'quota/parts.ts',
  'quota/refusal.ts',
  'quota/standing.ts',
  'quota/store.ts',
  'quota/usage-display.ts',
  'quota/windows.ts',
  'store/valkey-address.ts',
  'usage/csv.ts',
  'usage/events.ts',
  'usage/record.ts',
  'usage/usage-store.ts',
  'routing/choose-route.ts',
  'routing/match-model.ts',
  'routing/fit-context.ts',
  'routing/route-headers.ts',
];

/** The one file, or the one kind of file, that imports each npm package. */
const OWNERS: Readonly<Record<string, { readonly files: RegExp; readonly several?: true }>> = {
  ioredis: { files: /^store\/valkey\.ts$/ },
  jose: { files: /^auth\/oidc\.ts$/ },
  pino: { files: /^observe\/log\.ts$/ },
  'prom-client': {
    files: /^observe\/(?:metrics|meters|readings|gen-ai|histogram|process-metrics)\.ts$/,
    several: true,
  },
  '@opentelemetry/api': { files: /^observe\/otlp-tracer\.ts$/ },
  '@opentelemetry/exporter-trace-otlp-http': { files: /^observe\/otlp-tracer\.ts$/ },
  '@opentelemetry/resources': { files: /^observe\/otlp-tracer\.ts$/ },
  '@opentelemetry/sdk-trace': { files: /^observe\/otlp-tracer\.ts$/ },
  undici: { files: /^upstream\/[a-z-]+\.ts$/ },
  yaml: { files: /^config\/load\.ts$/ },
  // config/load.ts names the type of the schema's complaints, nothing else.
  zod: { files: /^config\/(?:schema\/[a-z-]+|schema|load)\.ts$/, several: true },
};

/** Files outside main.ts and cli/ that may use `process`, each with its reason. */
const PROCESS_USERS: Readonly<Record<string, string>> = {
  'observe/process-metrics.ts': 'the process is what it measures',
};

/** Names that answer differently each time or reach outside the function. */
const IMPURE =
  /(?<![\w$.])(?:Date\.now|new Date\(\s*\)|Math\.random|performance\.|crypto\.|process\.|console\.|globalThis\b|Buffer\.|fetch\(|set(?:Timeout|Interval|Immediate)\b|queueMicrotask\b|Temporal\.Now)/;

interface SourceFile {
  /** Path below src/. */
  readonly path: string;
  readonly code: Code;
  readonly imports: readonly Import[];
}

interface Violation {
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

interface Rule {
  readonly name: string;
  readonly why: string;
  readonly instead: string;
  readonly find: (files: readonly SourceFile[]) => Violation[];
}

function sourceFile(path: string, source: string): SourceFile {
  const code = toCode(source);
  return { path, code, imports: importsOf(code) };
}

const roomOf = (path: string) => path.split('/')[0] ?? path;
const layerOf = (path: string) => LAYERS[roomOf(path)] ?? Number.NaN;
const isPure = (path: string) => roomOf(path) === 'protocol' || PURE.includes(path);
const isRelative = (specifier: string) => specifier.startsWith('.');
const isNode = (specifier: string) => specifier.startsWith('node:');
const packageOf = (specifier: string) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** Where a relative import leads, as a path below src/; paths that leave src/ begin with `..`. */
const targetOf = (file: SourceFile, specifier: string) => posix.join(posix.dirname(file.path), specifier);

/** A rule over single imports: `judge` says what is wrong with one, or null. */
function eachImport(judge: (file: SourceFile, specifier: string) => string | null) {
  return (files: readonly SourceFile[]): Violation[] =>
    files.flatMap((file) =>
      file.imports.flatMap(({ specifier, line }) => {
        const what = specifier === null ? null : judge(file, specifier);
        return what === null ? [] : [{ path: file.path, line, what }];
      }),
    );
}

/** A rule over the code itself: no line of a file that `applies` has the pattern. */
function eachLine(applies: (path: string) => boolean, pattern: RegExp, what: string) {
  return (files: readonly SourceFile[]): Violation[] =>
    files
      .filter((file) => applies(file.path))
      .flatMap((file) => linesWith(file.code, pattern).map((line) => ({ path: file.path, line, what })));
}

const RULES: readonly Rule[] = [
  {
    name: 'every file has a place',
    why: 'a folder that no rule knows is a folder without rules',
    instead:
      'put it into the folder of the step it serves, or give the new folder a layer here and in ARCHITECTURE.md',
    find: (files) =>
      files
        .filter((file) => Number.isNaN(layerOf(file.path)))
        .map((file) => ({ path: file.path, line: 1, what: `has no layer: "${roomOf(file.path)}"` })),
  },
  {
    name: 'imports can be read',
    why: 'these rules, and people, read imports by their text',
    instead: 'import from "node:…", from a package, or from a relative path inside src/ that ends in .ts',
    find: (files) => [
      ...files.flatMap((file) =>
        file.imports
          .filter(({ specifier }) => specifier === null)
          .map(({ line }) => ({ path: file.path, line, what: 'imports a computed path' })),
      ),
      ...eachImport((file, specifier) => {
        if (isRelative(specifier)) {
          const inside = !targetOf(file, specifier).startsWith('..');
          return inside && /\.(?:ts|json)$/.test(specifier) ? null : `imports "${specifier}"`;
        }
        return isNode(specifier) || packageOf(specifier) in OWNERS ? null : `imports "${specifier}"`;
      })(files),
    ],
  },
  {
    name: 'arrows point down',
    why: 'a lower layer that knows a higher one cannot be tested, moved or understood without it',
    instead: 'take what is needed as a parameter, and let compose/ or pipeline.ts pass it',
    find: eachImport((file, specifier) => {
      if (!isRelative(specifier)) return null;
      const target = targetOf(file, specifier);
      return layerOf(target) > layerOf(file.path) ? `imports "${target}" from a higher layer` : null;
    }),
  },
  {
    name: 'parts never import each other',
    why: 'parts that know each other become one part; today each can be replaced alone',
    instead: 'meet in pipeline.ts (calls) or compose/ (construction); put a shared word into types.ts',
    find: eachImport((file, specifier) => {
      if (!isRelative(specifier) || layerOf(file.path) !== 2) return null;
      const target = targetOf(file, specifier);
      return layerOf(target) === 2 && roomOf(target) !== roomOf(file.path)
        ? `imports "${target}" of another part`
        : null;
    }),
  },
  {
    name: 'the sentence does not know the edges',
    why: 'pipeline.ts says what happens to a request whatever brought it; the edges call it',
    instead: 'let http/ or console/ pass what pipeline.ts needs, in the words of types.ts',
    find: eachImport((file, specifier) => {
      if (!isRelative(specifier) || file.path !== 'pipeline.ts') return null;
      const target = targetOf(file, specifier);
      return ['http', 'console'].includes(roomOf(target)) ? `imports "${target}"` : null;
    }),
  },
  {
    name: 'domain words and errors import nothing',
    why: 'everybody imports them',
    instead: 'declare the shape there in plain TypeScript',
    find: eachImport((file, specifier) => (layerOf(file.path) === 0 ? `imports "${specifier}"` : null)),
  },
  {
    name: 'pure files import pure files only',
    why: 'protocol and decisions are tested exhaustively because nothing outside can change their answers',
    instead: 'do the input and output in the part that calls, and pass its result in',
    find: eachImport((file, specifier) => {
      if (!isPure(file.path)) return null;
      if (!isRelative(specifier)) return `imports "${specifier}"`;
      const target = targetOf(file, specifier);
      return layerOf(target) === 0 || isPure(target) ? null : `imports "${target}", which is not pure`;
    }),
  },
  {
    name: 'pure files know no clock, chance or machine',
    why: 'the same input must give the same bytes: prefix caches and property tests depend on it',
    instead: 'take the time, the id or the bytes as a parameter; Uint8Array instead of Buffer',
    find: eachLine(isPure, IMPURE, 'uses a clock, chance or the machine'),
  },
  {
    name: 'one package, one importing file',
    why: 'a package that one file wraps can be replaced in one file',
    instead: 'add the function you need to the wrapping file (`OWNERS` in test/layers.test.ts)',
    find: (files) => {
      const strangers = eachImport((file, specifier) => {
        const owner = isRelative(specifier) || isNode(specifier) ? undefined : OWNERS[packageOf(specifier)];
        return owner === undefined || owner.files.test(file.path) ? null : `imports "${specifier}"`;
      })(files);
      return [...strangers, ...secondOwners(files)];
    },
  },
  {
    name: 'only the process touches `process`',
    why: 'what reads argv, environment or signals by itself cannot be started twice in a test',
    instead: 'read it in main.ts or cli/ and pass the value',
    find: eachLine(
      (path) => layerOf(path) < 5 && !(path in PROCESS_USERS),
      /(?<![\w$.])process\s*[.[]|globalThis\s*\.\s*process\b/,
      'uses `process`',
    ),
  },
  {
    name: '`process` is not imported either',
    why: 'the same by another door',
    instead: 'read it in main.ts or cli/ and pass the value',
    find: eachImport((file, specifier) =>
      specifier === 'node:process' && layerOf(file.path) < 5 && !(file.path in PROCESS_USERS)
        ? 'imports "node:process"'
        : null,
    ),
  },
];

/** Where a pattern of `OWNERS` fits several files, only the first may import the package. */
function secondOwners(files: readonly SourceFile[]): Violation[] {
  return Object.entries(OWNERS)
    .filter(([, owner]) => owner.several !== true)
    .flatMap(([name]) => {
      const importers = files.flatMap((file) => {
        const found = file.imports.find((one) => one.specifier !== null && packageOf(one.specifier) === name);
        return found === undefined
          ? []
          : [{ path: file.path, line: found.line, what: `imports "${name}" too` }];
      });
      return importers.slice(1);
    });
}

function complaints(rule: Rule, files: readonly SourceFile[]): string[] {
  return rule
    .find(files)
    .map(
      ({ path, line, what }) =>
        `src/${path}:${line} ${what}\n  rule: ${rule.name}, because ${rule.why}\n  instead: ${rule.instead}`,
    );
}

const src = join(dirname(import.meta.dirname), 'src');
// Declarations load nothing.
const files = globSync('**/*.ts', { cwd: src, exclude: ['**/*.d.ts'] })
  .sort()
  .map((path) => sourceFile(path, readFileSync(join(src, path), 'utf8')));

for (const rule of RULES) {
  test(`src: ${rule.name}`, () => {
    assert.ok(files.length > 5, 'src/ was not found');
    assert.equal(complaints(rule, files).join('\n'), '');
  });
}

test('every file that is listed as pure is there', () => {
  const paths = files.map((file) => file.path);
  assert.deepEqual(
    PURE.filter((path) => !paths.includes(path)),
    [],
  );
});

test('every dependency has a file that owns it', () => {
  const manifest = JSON.parse(readFileSync(join(src, '..', 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  assert.deepEqual(Object.keys(manifest.dependencies).sort(), Object.keys(OWNERS).sort());
  const imported = new Set(
    files.flatMap((file) => file.imports.map((one) => packageOf(one.specifier ?? ''))),
  );
  assert.deepEqual(
    Object.keys(OWNERS).filter((name) => !imported.has(name)),
    [],
  );
});

/** A source that breaks one rule, and the line on which it does; every rule above has at least one. */
const CULPRITS: readonly {
  readonly rule: string;
  readonly files: Record<string, string>;
  readonly at: string;
}[] = [
  { rule: 'every file has a place', files: { 'helpers/misc.ts': '' }, at: 'src/helpers/misc.ts:1' },
  {
    rule: 'imports can be read',
    files: { 'quota/quota.ts': `\nconst store = await import(\`./\${kind}.ts\`);` },
    at: 'src/quota/quota.ts:2',
  },
  {
    rule: 'imports can be read',
    files: { 'quota/quota.ts': "import { x } from './windows';" },
    at: 'src/quota/quota.ts:1',
  },
  {
    rule: 'imports can be read',
    files: { 'quota/quota.ts': "import fs from 'fs';" },
    at: 'src/quota/quota.ts:1',
  },
  {
    rule: 'imports can be read',
    files: { 'demo/demo.ts': "import { x } from '../../test/support/sse.ts';" },
    at: 'src/demo/demo.ts:1',
  },
  {
    rule: 'arrows point down',
    files: { 'relay/relay.ts': "// first\nimport type { Scope } from '../http/request-scope.ts';" },
    at: 'src/relay/relay.ts:2',
  },
  {
    rule: 'arrows point down',
    files: { 'http/server.ts': "export { createGateway } from '../gateway.ts';" },
    at: 'src/http/server.ts:1',
  },
  {
    rule: 'parts never import each other',
    files: { 'relay/meter.ts': "import {\n  prices,\n  type Price,\n} from '../usage/prices.ts';" },
    at: 'src/relay/meter.ts:1',
  },
  {
    rule: 'parts never import each other',
    files: { 'demo/demo.ts': "export type Log = import('../observe/log.ts').Log;" },
    at: 'src/demo/demo.ts:1',
  },
  {
    rule: 'the sentence does not know the edges',
    files: { 'pipeline.ts': "import { send } from './http/reply.ts';" },
    at: 'src/pipeline.ts:1',
  },
  {
    rule: 'domain words and errors import nothing',
    files: { 'types.ts': "import type { ErrorCode } from './errors.ts';" },
    at: 'src/types.ts:1',
  },
  {
    rule: 'pure files import pure files only',
    files: { 'protocol/sse.ts': "import { Buffer } from 'node:buffer';" },
    at: 'src/protocol/sse.ts:1',
  },
  {
    rule: 'pure files import pure files only',
    files: { 'routing/choose-route.ts': "import { open } from './breaker.ts';" },
    at: 'src/routing/choose-route.ts:1',
  },
  {
    rule: 'pure files know no clock, chance or machine',
    files: { 'quota/windows.ts': 'export const today = () =>\n  new Date();' },
    at: 'src/quota/windows.ts:2',
  },
  {
    rule: 'pure files know no clock, chance or machine',
    files: { 'protocol/openai/stream.ts': `const id = \`chatcmpl-\${Math.random()}\`;` },
    at: 'src/protocol/openai/stream.ts:1',
  },
  {
    rule: 'one package, one importing file',
    files: { 'http/server.ts': "import { request } from 'undici';" },
    at: 'src/http/server.ts:1',
  },
  {
    rule: 'one package, one importing file',
    files: {
      'upstream/call.ts': "import { Pool } from 'undici';",
      'upstream/failover.ts': "import type { Dispatcher } from 'undici';",
    },
    at: 'src/upstream/failover.ts:1',
  },
  {
    rule: 'only the process touches `process`',
    files: { 'config/load.ts': 'const env = process.env;' },
    at: 'src/config/load.ts:1',
  },
  {
    rule: '`process` is not imported either',
    files: { 'observe/log.ts': "import { stdout } from 'node:process';" },
    at: 'src/observe/log.ts:1',
  },
];

for (const { rule, files: sources, at } of CULPRITS) {
  test(`the checker catches at ${at}: ${rule}`, () => {
    const found = RULES.find((one) => one.name === rule);
    assert.ok(found !== undefined, `no rule "${rule}"`);
    const culprits = Object.entries(sources).map(([path, source]) => sourceFile(path, source));
    const text = complaints(found, culprits).join('\n');
    assert.ok(text.startsWith(`${at} `), text === '' ? 'nothing was found' : text);
  });
}

test('every rule has been seen to catch something', () => {
  const unseen = RULES.map((rule) => rule.name).filter((name) => !CULPRITS.some((one) => one.rule === name));
  assert.deepEqual(unseen, []);
});

test('imports inside comments, texts and patterns are not imports', () => {
  const innocent = sourceFile(
    'quota/windows.ts',
    [
      "// import { a } from '../auth/keys.ts';",
      "/** {@link import('../auth/keys.ts').Key} and Math.random() */",
      'const said = "import { a } from \'../auth/keys.ts\'; process.exit()";',
      `const long = \`import b from 'undici' \${said.replace(/import 'x' \`/g, '')} new Date()\`;`,
      'const ratio = 4 / 2; const half = ratio / 2;',
      "const day = new Date(now); const other = clock.Date.now; import { c } from './headers.ts';",
    ].join('\n'),
  );
  assert.deepEqual(innocent.imports, [{ specifier: './headers.ts', line: 6 }]);
  for (const rule of RULES) assert.deepEqual(complaints(rule, [innocent]), []);
});

test('types, re-exports, bare, dynamic and required imports are all seen', () => {
  const code = toCode(
    [
      "import type { A } from './a.ts';",
      "export * from './b.ts';",
      "export type { C } from './c.ts';",
      "import './d.ts';",
      "const e = await import('./e.ts');",
      "const f = require('./f.ts');",
      "import g, * as h from './g.ts';",
      "import data from './h.json' with { type: 'json' };",
    ].join('\n'),
  );
  assert.deepEqual(
    importsOf(code).map((one) => one.specifier),
    ['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts', './g.ts', './h.json'],
  );
});
