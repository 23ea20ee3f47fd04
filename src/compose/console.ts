/** The console. Its pages are loaded when somebody first looks: a gateway that nobody looks at does not pay for them. */
import type { Handler } from '../http/routes.ts';
import type { Identity, IdentityParts } from './auth.ts';
import type { ConsoleGiven } from './console-parts.ts';

export function createConsoleHandler(parts: IdentityParts, identity: Identity, given: ConsoleGiven): Handler {
  let console: Promise<Handler> | null = null;
  const load = async () => {
    const [{ createConsole }, { toConsoleParts }] = await Promise.all([
      import('../console/console.ts'),
      import('./console-parts.ts'),
    ]);
    return createConsole(toConsoleParts(parts, identity, given));
  };
  return async (scope) => {
    console ??= load();
    await (await console)(scope);
  };
}
