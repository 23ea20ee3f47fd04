import type { CodexModel } from '../http/codex-models.ts';
import type { Models } from '../upstream/catalogue.ts';
import { findWindow } from '../upstream/describe-backends.ts';
import type { Backend } from '../upstream/kinds.ts';

const EFFORTS = ['low', 'medium', 'high'];

/**
 * Makes the question what Codex has to know of a model. Of those that OpenAI itself serves nothing: it has its own
 * catalogue of them, and an entry of ours would take its place.
 */
export function createForCodex(backends: ReadonlyMap<string, Backend>, known: () => Models) {
  return (name: string, model: string): Omit<CodexModel, 'id'> | null => {
    const backend = backends.get(name);
    if (backend === undefined || backend.kind === 'openai') return null;
    const { profile, format } = backend;
    return {
      contextWindow: findWindow(backend, model, known())?.tokens ?? null,
      vision: profile.vision,
      efforts: format === 'anthropic' || profile.reasoningToggle !== 'none' ? EFFORTS : [],
      leadsAgents: backend.kind === 'claude',
    };
  };
}
