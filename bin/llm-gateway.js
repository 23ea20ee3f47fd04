#!/usr/bin/env node
/**
 * Starts the command line on a Node that can run it: this one where it is new enough, else the one that npm installed
 * beside the gateway. Plain JavaScript, because an old Node reads it.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cacheFolder } from './cache-folder.js';

const NEEDED = 24;
const root = dirname(dirname(realpathSync(fileURLToPath(import.meta.url))));
const main = join(root, 'src/cli/main.ts');

/** npm puts the packages of an installed package beside it or into it. */
function findNode() {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const program = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node';
  return [join(root, 'node_modules', name, program), join(root, '..', name, program)].find((path) =>
    existsSync(path),
  );
}

/**
 * What `npm start` has Node do, for whoever serves. The process becomes another one that does: options of V8's heap are
 * for a start alone. Windows cannot do that, and serves without them; so does a process that may start no other, or whose
 * parent talks to it, which would lose it.
 */
function becomeServer() {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const options = scripts.start.split(' ').filter((word) => word.startsWith('--'));
  const isOne = options.every((option) => process.execArgv.includes(option));
  const canBecome = process.platform !== 'win32' && process.execve !== undefined;
  if (isOne || !canBecome || process.permission !== undefined || process.channel !== undefined) return;
  process.execve(process.execPath, [
    process.argv0,
    ...options,
    ...process.execArgv,
    ...process.argv.slice(1),
  ]);
}

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  if (process.argv[2] === 'serve') becomeServer();
  // A quick command takes a quarter of the time then, beyond Node's own.
  nodeModule.enableCompileCache(join(cacheFolder, 'compiled'));
  if (root.split(/[\\/]/).includes('node_modules')) await import('./strip-types.js');
  await import(pathToFileURL(main).href);
} else {
  const node = findNode();
  if (node === undefined) {
    process.stderr.write(`llm-gateway needs Node ${NEEDED} or newer; this is ${process.version}.\n`);
    process.exit(1);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
}
