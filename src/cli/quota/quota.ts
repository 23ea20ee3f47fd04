import { parseArgs } from 'node:util';
import { type Command, CommandFailure } from '../command.ts';
import { askGateway } from '../gateway.ts';
import { sessionPlace, URL_HELP } from '../gateway-address.ts';
import { currentToken } from '../session/current-token.ts';
import { type Allowance, type Quota, readQuota, shareOf, toBar, toCounts, toSpan } from './allowances.ts';

export const quota: Command = {
  summary: 'show what is left, and when it starts anew',
  usage: `Usage: llm-gateway quota [--json] [--url <gateway>]

  --json  the gateway's whole answer
${URL_HELP}`,

  async run(args, terminal) {
    const { values } = parseArgs({
      args: [...args],
      options: { url: { type: 'string' }, json: { type: 'boolean', default: false } },
    });
    const credential = await currentToken(sessionPlace(values.url, terminal));
    const body = await askGateway(credential, '/quota');
    const standing = readQuota(body);
    if (standing === null) throw new CommandFailure(`${credential.gateway}/quota tells something unknown`);
    terminal.stdout.write(values.json ? `${JSON.stringify(body, null, 2)}\n` : render(standing, Date.now()));
    return 0;
  },
};

const BAR = 20;

/** One line for each allowance. */
export function render({ user, tier, allowances }: Quota, now: number): string {
  const lines = allowances.map((one) => toCells(one, now));
  const widths = [0, 1, 2].map((column) => Math.max(0, ...lines.map((cells) => cells[column]?.length ?? 0)));
  const rows = lines.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  const none = rows.length === 0 ? ['nothing is counted'] : rows;
  return [`${user}, tier ${tier}`, ...none].map((line) => `${line.trimEnd()}\n`).join('');
}

function toCells(one: Allowance, now: number): readonly string[] {
  const bar = one.limit === null ? 'unlimited'.padEnd(BAR) : toBar(shareOf(one), BAR);
  const scope = [
    ...(one.models === null ? [] : [`for ${one.models.join(', ')}`]),
    ...(one.pool === null ? [] : [`shared by ${one.pool}`]),
  ];
  const reset = `starts anew ${toSpan(one.resetsAt - now)}`;
  return [one.name, bar, toCounts(one), [reset, ...scope].join(', ')];
}
