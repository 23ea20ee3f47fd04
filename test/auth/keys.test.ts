import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import {
  createKeyring,
  hashKey,
  isMintedKey,
  loadOrCreateDemoKeys,
  mintKey,
  nodeDemoKeyIo,
} from '../../src/auth/keys.ts';
import { skipBecause } from '../support/skip.ts';

const scratch = await mkdtemp(join(tmpdir(), 'llm-gateway-keys-'));
after(() => rm(scratch, { recursive: true, force: true }));
let folders = 0;
const newFolder = () => {
  folders += 1;
  return join(scratch, `data-${folders}`);
};
const withoutModes =
  process.platform === 'win32' && skipBecause('file modes of the key store: Windows has none to look at');
const TIERS = ['free', 'pro', 'enterprise'];

test('a key is hashed whole, with SHA-256', () => {
  const key = 'sk-any-shape-at-all';
  assert.equal(hashKey(key), createHash('sha256').update(key).digest('hex'));
  assert.notEqual(hashKey(`${key}x`), hashKey(key));
});

test('a key finds its owner, and another key finds no one', () => {
  const keyring = createKeyring([{ hash: hashKey('sk-abc'), user: 'ada', tier: 'pro' }]);
  const owner = keyring.find(hashKey('sk-abc'));
  assert.equal(owner?.user, 'ada');
  assert.equal(owner?.tier, 'pro');
  assert.equal(owner?.subject, createHash('sha256').update('static\0ada').digest('hex'));
  assert.equal(keyring.find(hashKey('sk-abd')), null);
  assert.equal(keyring.find('sk-abc'), null);
  assert.equal(keyring.find('__proto__'), null);
});

test('two keys of one user share a subject, keys of two users do not', () => {
  const keyring = createKeyring([
    { hash: hashKey('one'), user: 'ada', tier: 'pro' },
    { hash: hashKey('two'), user: 'ada', tier: 'free' },
    { hash: hashKey('three'), user: 'bob', tier: 'pro' },
  ]);
  const subjects = ['one', 'two', 'three'].map((key) => keyring.find(hashKey(key))?.subject);
  assert.equal(subjects[0], subjects[1]);
  assert.notEqual(subjects[0], subjects[2]);
  assert.equal(keyring.size, 3);
});

test('one key given to two users is refused without the key being named', () => {
  const hash = hashKey('shared');
  assert.throws(
    () =>
      createKeyring([
        { hash, user: 'ada', tier: 'pro' },
        { hash, user: 'bob', tier: 'pro' },
      ]),
    (error: Error) => /"ada".*"bob"/.test(error.message) && !error.message.includes(hash),
  );
});

test('one key given in two tiers is refused, the same line twice is not', () => {
  const line = { hash: hashKey('k'), user: 'ada', tier: 'pro' };
  assert.throws(() => createKeyring([line, { ...line, tier: 'free' }]), TypeError);
  assert.equal(createKeyring([line, { ...line }]).size, 1);
});

test('a minted key is lgw_ and 49 base62 digits, whatever the random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const key = mintKey(() => bytes);
      assert.match(key, /^lgw_[0-9A-Za-z]{49}$/);
      assert.ok(isMintedKey(key));
    }),
  );
});

test('the smallest and the largest random numbers fill the key', () => {
  assert.match(
    mintKey((size) => new Uint8Array(size)),
    /^lgw_0{43}/,
  );
  assert.match(
    mintKey((size) => new Uint8Array(size).fill(255)),
    /^lgw_[1-9A-Za-z]/,
  );
});

test('different random bytes give different keys', () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(bytes, bytes, (one, other) => {
      const same = Buffer.from(one).equals(Buffer.from(other));
      assert.equal(mintKey(() => one) === mintKey(() => other), same);
    }),
  );
});

test('a key asks for 256 random bits', () => {
  const asked: number[] = [];
  mintKey((size) => {
    asked.push(size);
    return new Uint8Array(size);
  });
  assert.deepEqual(asked, [32]);
});

test('one changed character fails the checksum', () => {
  const key = mintKey(randomBytes);
  for (let at = 4; at < key.length; at += 1) {
    const changed = `${key.slice(0, at)}${key[at] === 'a' ? 'b' : 'a'}${key.slice(at + 1)}`;
    assert.equal(isMintedKey(changed), false, `position ${at}`);
  }
});

test('a cut, lengthened or otherwise shaped text is no minted key', () => {
  const key = mintKey(randomBytes);
  for (const text of [
    '',
    'lgw_',
    key.slice(0, -1),
    `${key}0`,
    ` ${key}`,
    `${key}\n`,
    key.toUpperCase(),
    `x${key}`,
  ]) {
    assert.equal(isMintedKey(text), false, JSON.stringify(text));
  }
});

test('the first start makes one key per tier and gives each plain key once', async () => {
  const folder = newFolder();
  const first = await loadOrCreateDemoKeys(folder, TIERS);
  assert.deepEqual(
    first.minted.map(({ user, tier }) => [user, tier]),
    [
      ['demo-free', 'free'],
      ['demo-pro', 'pro'],
      ['demo-enterprise', 'enterprise'],
    ],
  );
  const keyring = createKeyring(first.entries);
  for (const { key, user, tier } of first.minted) {
    assert.ok(isMintedKey(key));
    const owner = keyring.find(hashKey(key));
    assert.deepEqual([owner?.user, owner?.tier], [user, tier]);
  }
  const second = await loadOrCreateDemoKeys(folder, TIERS);
  assert.deepEqual(second.entries, first.entries);
  assert.deepEqual(second.minted, []);
});

test('the file holds hashes and no key, readable by its owner alone, with nothing left beside it', async () => {
  const folder = newFolder();
  const { minted } = await loadOrCreateDemoKeys(folder, TIERS);
  const path = join(folder, 'static-keys.json');
  const text = await readFile(path, 'utf8');
  for (const { key } of minted) {
    assert.ok(!text.includes(key));
    assert.ok(!text.includes(key.slice(4, 20)));
    assert.ok(text.includes(hashKey(key)));
  }
  assert.deepEqual(await readdir(folder), ['static-keys.json']);
  if (withoutModes !== false) return;
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
});

test('a folder that exists keeps its mode', { skip: withoutModes }, async () => {
  const folder = newFolder();
  await mkdir(folder);
  await chmod(folder, 0o755);
  await loadOrCreateDemoKeys(folder, TIERS);
  assert.equal((await stat(folder)).mode & 0o777, 0o755);
});

test('stored keys of a tier that the plan no longer has are left out', async () => {
  const folder = newFolder();
  await loadOrCreateDemoKeys(folder, TIERS);
  const { entries } = await loadOrCreateDemoKeys(folder, ['pro', 'platinum']);
  assert.deepEqual(
    entries.map(({ tier }) => tier),
    ['pro'],
  );
});

test('four processes that start at once agree on one set of keys, which one of them prints', async () => {
  const folder = newFolder();
  const all = await Promise.all([1, 2, 3, 4].map(() => loadOrCreateDemoKeys(folder, TIERS)));
  const stored = await loadOrCreateDemoKeys(folder, TIERS);
  for (const one of all) assert.deepEqual(one.entries, stored.entries);
  assert.equal(all.filter(({ minted }) => minted.length > 0).length, 1);
  assert.deepEqual(await readdir(folder), ['static-keys.json']);
});

test('a volume without hard links gets the file by a rename', async () => {
  const folder = newFolder();
  const link = async () => {
    throw Object.assign(new Error('operation not supported'), { code: 'ENOTSUP' });
  };
  const first = await loadOrCreateDemoKeys(folder, TIERS, { ...nodeDemoKeyIo, link });
  assert.equal(first.minted.length, 3);
  assert.deepEqual((await loadOrCreateDemoKeys(folder, TIERS)).entries, first.entries);
  assert.deepEqual(await readdir(folder), ['static-keys.json']);
});

const DAMAGED: readonly (readonly [name: string, text: string])[] = [
  ['is empty', ''],
  ['was cut in the middle', '{"keys":[{"hash":"00'],
  ['is another document', '[1,2]'],
  ['holds null', 'null'],
  ['holds a plain key instead of a hash', '{"keys":[{"hash":"lgw_abc","user":"ada","tier":"pro"}]}'],
  ['holds an entry without a user', `{"keys":[{"hash":"${'0'.repeat(64)}","tier":"pro"}]}`],
];

for (const [name, text] of DAMAGED) {
  test(`a key file that ${name} stops the start, is named, and stays as it is`, async () => {
    const folder = newFolder();
    await mkdir(folder);
    const path = join(folder, 'static-keys.json');
    await writeFile(path, text);
    await assert.rejects(loadOrCreateDemoKeys(folder, TIERS), (error: Error) => {
      return error.message.includes(path) && !error.message.includes('lgw_abc');
    });
    assert.equal(await readFile(path, 'utf8'), text);
  });
}

test('a folder that cannot be made stops the start and is named', async () => {
  const file = join(scratch, 'a-file');
  await writeFile(file, '');
  await assert.rejects(loadOrCreateDemoKeys(join(file, 'data'), TIERS), /cannot be (?:read|written)/);
});

test('the file is on the disk before its name is', async () => {
  const folder = newFolder();
  const steps: string[] = [];
  const open: typeof nodeDemoKeyIo.open = async (...args) => {
    const file = await nodeDemoKeyIo.open(...args);
    const sync = file.sync.bind(file);
    file.sync = async () => {
      steps.push('sync');
      await sync();
    };
    return file;
  };
  const link: typeof nodeDemoKeyIo.link = async (...args) => {
    steps.push('link');
    await nodeDemoKeyIo.link(...args);
  };
  await loadOrCreateDemoKeys(folder, TIERS, { ...nodeDemoKeyIo, open, link });
  assert.deepEqual(steps, ['sync', 'link']);
});

test('a disk that fills up leaves no half file behind', async () => {
  const folder = newFolder();
  const open: typeof nodeDemoKeyIo.open = async (...args) => {
    const file = await nodeDemoKeyIo.open(...args);
    file.writeFile = async () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    return file;
  };
  await assert.rejects(loadOrCreateDemoKeys(folder, TIERS, { ...nodeDemoKeyIo, open }), /cannot be written/);
  assert.deepEqual(await readdir(folder), []);
});
