/**
 * Models as Codex reads them beside OpenAI's list, in one body (codex.md §3, measured with 0.169). Without an entry it
 * takes every model for one of 258,400 tokens, so that it never compacts in time.
 */

/** What Codex has to know of a model. */
export interface CodexModel {
  readonly id: string;
  /** Tokens; `null` where nobody says it. */
  readonly contextWindow: number | null;
  /** Whether it takes pictures. */
  readonly vision: boolean;
  /** Efforts to choose from, lowest first. */
  readonly efforts: readonly string[];
  /** Whether it is up to leading other agents. */
  readonly leadsAgents: boolean;
}

/**
 * Takes the place of Codex's own instructions for models that it does not know: an entry must have some, and an empty
 * text leaves the model with none at all.
 */
const INSTRUCTIONS = `You are a coding agent in the Codex CLI, working on the user's computer in their project.

- Keep going until the task is done: look at the code before you change it, make the change, check that it works.
- Read and search with \`exec_command\` (\`rg\`, \`sed -n\`, \`git\`). Change files with \`apply_patch\`, in small steps.
- Follow the project's own style and its AGENTS.md files. Change nothing that the task does not need.
- Run the tests or programs that show whether a change works. Say so when you could not.
- Never undo changes that are not yours. Commit, push or delete only when asked to.
- When something is unclear and cannot be found out, say what you assume.
- Answer briefly, in plain words; name files by their path. At the end say what you changed and what is left.`;

/** An entry of `models`; `place` orders the list. */
export function toCodexEntry(model: CodexModel, place: number) {
  const { id, contextWindow, vision, efforts, leadsAgents } = model;
  return {
    slug: id,
    display_name: id,
    description: 'Served by your LLM gateway',
    supported_reasoning_levels: efforts.map((effort) => ({ effort, description: EFFORTS[effort] ?? effort })),
    shell_type: 'unified_exec',
    visibility: 'list',
    supported_in_api: true,
    priority: place + 1,
    support_verbosity: false,
    apply_patch_tool_type: 'freeform',
    truncation_policy: { mode: 'tokens', limit: 10_000 },
    experimental_supported_tools: [],
    input_modalities: vision ? ['text', 'image'] : ['text'],
    base_instructions: INSTRUCTIONS,
    ...(contextWindow !== null && { context_window: contextWindow }),
    ...(!leadsAgents && { multi_agent_version: 'disabled' }),
  };
}

const EFFORTS: Readonly<Record<string, string>> = {
  low: 'Reasons little, answers soon',
  medium: 'Reasons as much as most tasks need',
  high: 'Reasons long, for hard tasks',
};
