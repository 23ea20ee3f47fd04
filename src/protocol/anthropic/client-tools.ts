/**
 * Tools that Anthropic defines and the client runs. Requests name only their type, because Claude knows their
 * parameters; every other model must be told. A version not listed gets its family's newest schema.
 *
 * Source: Anthropic's public tool reference (bash, text editor, memory).
 */
import type { Tool } from '../conversation.ts';

const text = (description: string) => ({ type: 'string', description });
const PATH = text('Path of the file or folder.');

const FILE_EDITS = {
  path: PATH,
  file_text: text('Whole content of the file, for create.'),
  old_str: text('Text to replace, for str_replace; it must occur exactly once.'),
  new_str: text('Text to put in its place, for str_replace.'),
  insert_line: {
    type: 'integer',
    description: 'Line after which to insert, for insert; 0 is the beginning.',
  },
  insert_text: text('Text to insert, for insert.'),
  view_range: {
    type: 'array',
    items: { type: 'integer' },
    description: 'First and last line to show, for view; -1 as the last is the end.',
  },
};

const command = (...names: readonly string[]) => ({ type: 'string', enum: names });

const FAMILIES: readonly (readonly [prefix: string, tool: Omit<Tool, 'strict'>])[] = [
  [
    'bash_',
    {
      name: 'bash',
      description: 'Runs a command in a shell that keeps its state between calls.',
      schema: {
        type: 'object',
        properties: {
          command: text('The command to run.'),
          restart: { type: 'boolean', description: 'True starts the shell anew.' },
        },
      },
    },
  ],
  [
    'text_editor_',
    {
      name: 'str_replace_based_edit_tool',
      description: 'Views, creates and edits text files.',
      schema: {
        type: 'object',
        properties: { command: command('view', 'create', 'str_replace', 'insert'), ...FILE_EDITS },
        required: ['command', 'path'],
      },
    },
  ],
  [
    'memory_',
    {
      name: 'memory',
      description: 'Views and edits files below /memories, which last beyond this conversation.',
      schema: {
        type: 'object',
        properties: {
          command: command('view', 'create', 'str_replace', 'insert', 'delete', 'rename'),
          ...FILE_EDITS,
          old_path: text('Present path, for rename.'),
          new_path: text('New path, for rename.'),
        },
        required: ['command'],
      },
    },
  ],
];

/** The built-in tool of a type such as `bash_20250124`; `null` for types of no such family. */
export function findClientTool(type: string): Omit<Tool, 'strict'> | null {
  return FAMILIES.find(([prefix]) => type.startsWith(prefix))?.[1] ?? null;
}
