import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isPrivateAddress } from '../protocol/private-address.ts';
import { type Command, CommandFailure, type Terminal, UsageError } from './command.ts';
import { askGateway } from './gateway.ts';
import { sessionPlace } from './gateway-address.ts';
import { requestDeviceCode, waitForTokens } from './oauth/device-grant.ts';
import { describeIssuer, findIssuers, type SignInServer } from './oauth/discover.ts';
import type { Tokens } from './oauth/token-endpoint.ts';
import { withLock } from './session/lock.ts';
import { timesOf } from './session/renew-session.ts';
import {
  lockIn,
  makeFolder,
  readSession,
  type Session,
  type SessionPlace,
  writeSession,
} from './session/session.ts';

const DEFAULT_CLIENT = 'llm-gateway';
const LOCK_MS = 20_000;

export const login: Command = {
  summary: 'sign in to a gateway, with or without a browser on this machine',
  usage: `Usage: llm-gateway login --url <gateway> [--issuer <address>] [--client-id ${DEFAULT_CLIENT}]
       llm-gateway login --url <gateway> --with-key < file

Shows an address and a code, to be opened in any browser, and waits. The sign-in is kept in
~/.config/llm-gateway/session.json, readable by you alone, and renews itself while the identity provider lets it.

  --url        the gateway (LLM_GATEWAY_URL; else the one that you were signed in to)
  --issuer     the identity provider, where the gateway names none or several
  --client-id  this program at the identity provider
  --with-key   reads a key from standard input in place of signing in`,

  async run(args, terminal) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        url: { type: 'string' },
        issuer: { type: 'string' },
        'client-id': { type: 'string', default: DEFAULT_CLIENT },
        'with-key': { type: 'boolean', default: false },
      },
    });
    const place = sessionPlace(values.url, terminal);
    const gateway = place.wanted ?? readSession(place.folder)?.gateway;
    if (gateway === undefined) throw new UsageError('name the gateway: --url https://llm.example');
    warnOfPlainHttp(gateway, terminal);
    const session = values['with-key']
      ? { kind: 'key' as const, gateway, key: await readKey(terminal) }
      : await signIn(gateway, values.issuer, values['client-id'], terminal);
    const who = await introduce(session);
    await keep(place, session);
    terminal.stderr.write(`${who}\n`);
    return 0;
  },
};

function warnOfPlainHttp(gateway: string, { stderr }: Terminal): void {
  if (isPrivateAddress(gateway)) return;
  stderr.write(`Warning: ${gateway} is not encrypted; whoever is on the way can read your tokens.\n`);
}

async function readKey({ stdin, stderr }: Terminal): Promise<string> {
  if (stdin.isTTY) stderr.write('Paste the key, then Enter and Ctrl-D:\n');
  let text = '';
  for await (const chunk of stdin.setEncoding('utf8')) text += chunk;
  const key = text.trim();
  if (!/^[!-~]{8,8192}$/.test(key)) throw new UsageError('--with-key: standard input holds no key');
  return key;
}

async function signIn(
  gateway: string,
  issuer: string | undefined,
  clientId: string,
  terminal: Terminal,
): Promise<Session> {
  const server = await describeIssuer(issuer ?? only(await findIssuers(gateway)));
  const code = await requestDeviceCode(server, clientId);
  terminal.stderr.write(
    `Open this address in any browser, on this machine or another:\n\n  ${code.verificationUri}\n\n` +
      `and enter the code:  ${code.userCode}\n\n` +
      (code.verificationUriComplete === null
        ? ''
        : `(or, with the code in it: ${code.verificationUriComplete})\n`) +
      'Waiting for you there …\n',
  );
  const tokens = await waitForTokens(server, clientId, code, pause);
  return sessionOf(gateway, clientId, server, tokens);
}

function only(issuers: readonly string[]): string {
  const [issuer] = issuers;
  if (issuer === undefined) throw new CommandFailure('the gateway names no identity provider');
  if (issuers.length === 1) return issuer;
  throw new UsageError(
    `the gateway knows several identity providers; choose one with --issuer:\n  ${issuers.join('\n  ')}`,
  );
}

function sessionOf(gateway: string, clientId: string, server: SignInServer, tokens: Tokens): Session {
  const { issuer, tokenEndpoint, revocationEndpoint } = server;
  const { accessToken, refreshToken } = tokens;
  const times = timesOf(tokens, Date.now());
  const endpoints = { issuer, clientId, tokenEndpoint, revocationEndpoint };
  return { kind: 'oauth', gateway, ...endpoints, accessToken, refreshToken, ...times };
}

/** Asks the gateway at once, so that nobody finds out in Claude Code that it refuses them. */
async function introduce(session: Session): Promise<string> {
  const { gateway } = session;
  const token = session.kind === 'key' ? session.key : session.accessToken;
  const { user, tier } = await askGateway({ gateway, token }, '/quota');
  return `Signed in to ${gateway} as ${user}, tier ${tier}.`;
}

function keep({ folder }: SessionPlace, session: Session): Promise<void> {
  makeFolder(folder);
  return withLock(lockIn(folder), LOCK_MS, async () => writeSession(folder, session));
}
