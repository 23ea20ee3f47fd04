/** What comes from others: as little as possible, pinned, without scripts, each with its reason. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

type Versions = Readonly<Record<string, string>>;

interface Manifest {
  readonly scripts: Versions;
  readonly dependencies: Versions;
  readonly devDependencies: Versions;
  readonly optionalDependencies: Versions;
}

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
}

const manifest = JSON.parse(read('package.json')) as Manifest;
const lockOf = (path: string) =>
  Object.entries((JSON.parse(read(path)) as { packages: Record<string, Locked> }).packages).filter(
    ([name]) => name !== '',
  );

/** The rows of a table of ARCHITECTURE.md that name packages in their first column. */
function tableOf(
  heading: string,
): { readonly packages: readonly string[]; readonly cells: readonly string[] }[] {
  const section = read('ARCHITECTURE.md').split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => ({
      packages: [...(cells[0] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
      cells: cells.map((cell) => cell.trim()),
    }));
}

const rows = tableOf('Dependencies');

test('every dependency is in ARCHITECTURE.md with its reason, and nothing else is', () => {
  const all = [manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies];
  assert.deepEqual(
    rows.flatMap(({ packages }) => packages).sort(),
    all.flatMap((versions) => Object.keys(versions)).sort(),
  );
  for (const { packages, cells } of rows) assert.ok((cells[2] ?? '').length > 20, `${packages}: no reason`);
});

for (const name of Object.keys(manifest.dependencies)) {
  test(`${name} is imported where ARCHITECTURE.md says`, () => {
    const place = rows.find(({ packages }) => packages.includes(name))?.cells[1]?.match(/^`([^`]+)`$/)?.[1];
    const pattern = place?.endsWith('/') ? `src/${place}*.ts` : `src/${place}`;
    const files = globSync(pattern, { cwd: ROOT });
    assert.ok(
      files.some((file) => read(file).includes(`from '${name}'`)),
      `${place} does not import it`,
    );
  });
}

test('versions are exact', () => {
  for (const versions of [manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies]) {
    for (const [name, version] of Object.entries(versions)) assert.match(version, /^\d+\.\d+\.\d+$/, name);
  }
});

test('no package that runs in production wants to run a script when it is installed', () => {
  const wanting = lockOf('package-lock.json').filter(([, { hasInstallScript }]) => hasInstallScript === true);
  assert.deepEqual(wanting, []);
  assert.match(read('.npmrc'), /^ignore-scripts=true$/m);
  assert.match(read('Dockerfile'), /npm ci [^\n]*--ignore-scripts/);
  for (const hook of ['preinstall', 'install', 'postinstall', 'prepare', 'prestart', 'poststart']) {
    assert.equal(manifest.scripts[hook], undefined);
  }
});

for (const path of ['package-lock.json', 'e2e/package-lock.json']) {
  test(`every package of ${path} has a checksum and comes from a registry of npm`, () => {
    for (const [name, { integrity, resolved, link }] of lockOf(path)) {
      // Kept by hand for platforms other than the one that wrote the lockfile; a formatter's binary, never shipped.
      if (link === true || name.startsWith('node_modules/@biomejs/cli-')) continue;
      assert.match(integrity ?? '', /^sha512-/, name);
      assert.match(resolved ?? 'https://registry.npmjs.org/', /^https:\/\/registry\.npmjs\.org\//, name);
    }
  });
}

test('the product has no more than twelve packages of its own choice', () => {
  assert.ok(Object.keys(manifest.dependencies).length <= 12);
});
