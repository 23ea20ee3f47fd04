/**
 * Which of the client's tools writes, reads or runs, told by its name and by the names of its parameters. Pure.
 */
import type { DemoTool } from './conversation.ts';
import { fillSchema } from './fill-schema.ts';
import type { Wish } from './read-wishes.ts';

/** One tool call that the demo model makes. */
export interface MadeCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

type Kind = Wish['kind'];

/** Names as Claude Code, Codex and file servers have them; letters only, compared without case. */
const NAMES: Readonly<Record<Kind, readonly string[]>> = {
  write: ['write', 'writefile', 'createfile', 'writetofile', 'savefile', 'filewrite', 'newfile', 'create'],
  read: [
    'read',
    'readfile',
    'viewfile',
    'openfile',
    'fileread',
    'getfilecontents',
    'readtextfile',
    'view',
    'cat',
  ],
  run: [
    'bash',
    'shell',
    'runcommand',
    'executecommand',
    'shellcommand',
    'runshellcommand',
    'exec',
    'terminal',
  ],
};

const PATH = /^(absolute|relative|target)?_?(file)?_?(path|name|file)$/i;
const CONTENT = /^(new_?)?(file_?)?(contents?|text|data|body)$/i;
const COMMAND = /^(command|cmd|script|commands)$/i;

const plainName = (name: string): string =>
  (name.split(/__|[./]/).at(-1) ?? name).toLowerCase().replaceAll(/[^a-z]/g, '');

const propertiesOf = (tool: DemoTool): Readonly<Record<string, unknown>> =>
  (tool.schema.properties ?? {}) as Readonly<Record<string, unknown>>;

const parameter = (tool: DemoTool, pattern: RegExp): string | undefined =>
  Object.keys(propertiesOf(tool)).find((name) => pattern.test(name));

/** The arguments that grant a wish, or `null` where the tool's parameters do not fit it. */
function argumentsFor(tool: DemoTool, wish: Wish): Record<string, unknown> | null {
  const base = fillSchema({ ...tool.schema, type: 'object' }, () => '') as Record<string, unknown>;
  if (wish.kind === 'run') {
    const command = parameter(tool, COMMAND);
    if (command === undefined) return null;
    const list = (propertiesOf(tool)[command] as { type?: unknown } | null)?.type === 'array';
    return { ...base, [command]: list ? ['bash', '-lc', wish.command] : wish.command };
  }
  const path = parameter(tool, PATH);
  if (path === undefined) return null;
  if (wish.kind === 'read') return { ...base, [path]: wish.path };
  const content = parameter(tool, CONTENT);
  return content === undefined ? null : { ...base, [path]: wish.path, [content]: wish.content };
}

/** The call that grants a wish, or `null` where no tool on offer can. Names earlier in the list win. */
export function findCall(tools: readonly DemoTool[], wish: Wish): MadeCall | null {
  for (const name of NAMES[wish.kind]) {
    for (const tool of tools.filter((offered) => plainName(offered.name) === name)) {
      const made = argumentsFor(tool, wish);
      if (made !== null) return { name: tool.name, arguments: made };
    }
  }
  return null;
}

/** What a tool of this name does, by the same table; `null` for any other tool. */
export function kindOfTool(name: string): Kind | null {
  const plain = plainName(name);
  const kinds: readonly Kind[] = ['write', 'read', 'run'];
  return kinds.find((kind) => NAMES[kind].includes(plain)) ?? null;
}
