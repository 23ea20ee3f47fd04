import { parseArgs } from 'node:util';
import { type Command, type Terminal, UsageError } from './command.ts';
import { askGateway } from './gateway.ts';
import { sessionPlace, URL_HELP } from './gateway-address.ts';
import { type Credential, currentToken } from './session/current-token.ts';

interface Options {
  readonly days?: string | undefined;
  readonly service: boolean;
  readonly json: boolean;
}

export const keys: Command = {
  summary: 'make, list and revoke keys for programs',
  usage: `Usage: llm-gateway keys create <name> [--days <n>] [--service] [--json]
       llm-gateway keys list [--json]
       llm-gateway keys revoke <id>

create prints the key alone on standard output; it is shown this once.

  --days     life of the key; the gateway has a default and a longest
  --service  for CI: with a small quota of its own
  --json     the gateway's whole answer
${URL_HELP}`,

  async run(args, terminal) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: 'string' },
        days: { type: 'string' },
        service: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    const [action = '', subject = '', ...rest] = positionals;
    const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (act === undefined) throw new UsageError('expected create, list or revoke');
    if (act.takes !== (subject !== '' ? 1 : 0) || rest.length > 0)
      throw new UsageError(act.takes === 1 ? `${action} takes one ${act.of}` : `${action} takes no name`);
    const credential = await currentToken(sessionPlace(values.url, terminal));
    await act.run(credential, subject, values, terminal);
    return 0;
  },
};

interface Action {
  readonly takes: 0 | 1;
  readonly of: string;
  readonly run: (
    credential: Credential,
    subject: string,
    options: Options,
    terminal: Terminal,
  ) => Promise<void>;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  create: { takes: 1, of: 'name', run: create },
  list: { takes: 0, of: '', run: list },
  revoke: { takes: 1, of: 'id', run: revoke },
};

async function create(credential: Credential, name: string, options: Options, terminal: Terminal) {
  const days = options.days === undefined ? undefined : Number(options.days);
  if (days !== undefined && !Number.isInteger(days)) throw new UsageError('--days takes a whole number');
  const kind = options.service ? 'service' : 'personal';
  const body = JSON.stringify({ name, kind, expires_in_days: days });
  const made = await askGateway(credential, '/auth/keys', { method: 'POST', body });
  if (options.json) {
    terminal.stdout.write(`${JSON.stringify(made, null, 2)}\n`);
    return;
  }
  terminal.stdout.write(`${made.key}\n`);
  terminal.stderr.write(
    `Key ${made.id} ("${name}", ${kind}) until ${made.expires_at}. It is not shown again.\n`,
  );
}

interface Listed {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly expires_at: string;
  readonly last_used_at: string | null;
}

async function list(credential: Credential, _: string, { json }: Options, { stdout, stderr }: Terminal) {
  const { keys: listed } = (await askGateway(credential, '/auth/keys')) as { keys: readonly Listed[] };
  if (json) stdout.write(`${JSON.stringify(listed, null, 2)}\n`);
  else if (listed.length === 0) stderr.write('You have no keys.\n');
  else stdout.write(toTable(listed));
}

function toTable(listed: readonly Listed[]): string {
  const day = (time: string | null) => time?.slice(0, 10) ?? 'never';
  const rows = [
    ['ID', 'KIND', 'EXPIRES', 'LAST USED', 'NAME'],
    ...listed.map((one) => [one.id, one.kind, day(one.expires_at), day(one.last_used_at), one.name]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => `${line}\n`)
    .join('');
}

async function revoke(credential: Credential, id: string, _: Options, { stderr }: Terminal) {
  await askGateway(credential, `/auth/keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
  stderr.write(`Key ${id} is revoked.\n`);
}
