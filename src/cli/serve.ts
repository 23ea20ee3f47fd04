import type { Command } from './command.ts';

export const serve: Command = {
  summary: 'start the gateway',
  usage:
    'Usage: llm-gateway serve\n\nConfigured by the environment and by the file that GATEWAY_CONFIG names.',
  async run() {
    await import('../main.ts');
    return 0;
  },
};
