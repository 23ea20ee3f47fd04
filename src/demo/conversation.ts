/**
 * What the demo model takes in: the parts of a Chat Completions request that it looks at, read leniently. Pure.
 */

/** A tool call of an earlier turn with what came back for it. */
export interface DemoCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Text of the tool message; `null` while there is none. */
  readonly result: string | null;
}

export interface DemoTool {
  readonly name: string;
  /** JSON schema of the arguments. */
  readonly schema: Readonly<Record<string, unknown>>;
}

/** Which tools may or must be called: `auto`, `none`, `required`, or the name of the one that must be. */
export type DemoToolChoice = 'auto' | 'none' | 'required' | { readonly name: string };

export interface DemoRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** The last thing the user said, `<system-reminder>` texts aside. */
  readonly prompt: string;
  /** Tool calls made since then, oldest first. */
  readonly calls: readonly DemoCall[];
  /** Where relative paths start, where the conversation tells it. */
  readonly workingDirectory: string | null;
  readonly tools: readonly DemoTool[];
  readonly toolChoice: DemoToolChoice;
  /** Schema of the JSON wanted in place of text; `null`: text is wanted. */
  readonly schema: Readonly<Record<string, unknown>> | null;
  /** Most tokens wanted; `null`: any number. */
  readonly maxTokens: number | null;
  /** Characters in messages and tools, from which the token count is estimated. */
  readonly size: number;
}

type Fields = Readonly<Record<string, unknown>>;

const REMINDER = /<system-reminder>[\s\S]*?(?:<\/system-reminder>|$)/g;

/** Claude Code's environment message and Codex's environment context; the last one said holds. */
const WORKING_DIRECTORY = /(?:working directory|\bcwd): *((?:[/~]|[A-Za-z]:)[^\n]*)|<cwd>([^<\n]+)<\/cwd>/gi;

const asFields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Text of a message whose content is a string or a list of parts. */
function textOf(message: Fields): string {
  if (typeof message.content === 'string') return message.content;
  return asList(message.content)
    .map((part) => asText(asFields(part).text))
    .filter((text) => text !== '')
    .join('\n\n');
}

/** Claude Code puts its notes to the model into the user's turns and into tool results alike. */
const withoutReminders = (text: string) => text.replaceAll(REMINDER, '').trim();

/** Reads a Chat Completions body. Whatever is missing or odd counts as not said. */
export function readDemoRequest(body: unknown): DemoRequest {
  const fields = asFields(body);
  const messages = asList(fields.messages).map(asFields);
  const { prompt, position } = lastPrompt(messages);
  return {
    model: asText(fields.model),
    stream: fields.stream === true,
    includeUsage: asFields(fields.stream_options).include_usage === true,
    prompt,
    calls: callsOf(messages.slice(position + 1)),
    workingDirectory: workingDirectoryOf(messages),
    tools: asList(fields.tools).map(readTool),
    toolChoice: readToolChoice(fields.tool_choice),
    schema: readSchema(asFields(fields.response_format)),
    maxTokens: readMaxTokens(fields),
    size: messages.reduce(
      (sum, message) => sum + textOf(message).length,
      JSON.stringify(fields.tools ?? '').length,
    ),
  };
}

function lastPrompt(messages: readonly Fields[]): { prompt: string; position: number } {
  const said = messages.map((message) => (message.role === 'user' ? withoutReminders(textOf(message)) : ''));
  const position = said.findLastIndex((text) => text !== '');
  return { prompt: said[position] ?? '', position };
}

function callsOf(messages: readonly Fields[]): DemoCall[] {
  const results = new Map(
    messages
      .filter((message) => message.role === 'tool')
      .map((message) => [asText(message.tool_call_id), withoutReminders(textOf(message))]),
  );
  return messages
    .flatMap((message) => asList(message.tool_calls).map(asFields))
    .map((call) => {
      const made = asFields(call.function);
      return {
        name: asText(made.name),
        arguments: parsedFields(asText(made.arguments)),
        result: results.get(asText(call.id)) ?? null,
      };
    });
}

function parsedFields(json: string): Fields {
  try {
    return asFields(JSON.parse(json));
  } catch {
    return {};
  }
}

function workingDirectoryOf(messages: readonly Fields[]): string | null {
  const told = messages
    .filter((message) => message.role !== 'assistant' && message.role !== 'tool')
    .flatMap((message) => [...textOf(message).matchAll(WORKING_DIRECTORY)]);
  const last = told.at(-1);
  return (last?.[1] ?? last?.[2])?.trim() ?? null;
}

function readTool(tool: unknown): DemoTool {
  const made = asFields(asFields(tool).function);
  return { name: asText(made.name), schema: asFields(made.parameters) };
}

function readToolChoice(choice: unknown): DemoToolChoice {
  if (choice === 'none' || choice === 'required') return choice;
  const name = asText(asFields(asFields(choice).function).name);
  return name === '' ? 'auto' : { name };
}

function readSchema(format: Fields): Fields | null {
  if (format.type === 'json_schema') return asFields(asFields(format.json_schema).schema);
  return format.type === 'json_object' ? { type: 'object' } : null;
}

function readMaxTokens(fields: Fields): number | null {
  const wanted = fields.max_completion_tokens ?? fields.max_tokens;
  return typeof wanted === 'number' && wanted >= 0 ? wanted : null;
}
