import { parseArgs } from 'node:util';
import type { Command } from './command.ts';
import { sessionPlace, URL_HELP, URL_OPTION } from './gateway-address.ts';
import { currentToken } from './session/current-token.ts';

export const token: Command = {
  summary: 'print an access token that counts now: for apiKeyHelper and scripts',
  usage: `Usage: llm-gateway token [--url <gateway>]

Renews the sign-in when its token is about to end; of many at once, one asks and the others wait for it.

${URL_HELP}

Exit status: 77 when you are not signed in, 69 when the identity provider does not answer.`,

  async run(args, terminal) {
    const { values } = parseArgs({ args: [...args], options: URL_OPTION });
    const credential = await currentToken(sessionPlace(values.url, terminal));
    terminal.stdout.write(`${credential.token}\n`);
    return 0;
  },
};
