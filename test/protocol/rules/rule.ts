/**
 * What a rule of the translation is and how it is proved. The rules are those of shared/facts/translation.md, by their
 * ids; titles are ours.
 */

/** A test: its file below the project, and its name as the source has it, `{…}` for `${…}`. */
export type Proof = readonly [file: string, name: string];

export interface Rule {
  readonly what: string;
  readonly proofs: readonly Proof[];
  /** Recorded streams that it is proved on, below test/fixtures. */
  readonly fixtures?: readonly string[];
  /** Where the rule is not followed, or not in full, and why. */
  readonly decided?: string;
}

export type Rules = Readonly<Record<string, Rule>>;

/** Names tests of one file. */
export const testsOf =
  (file: string) =>
  (...names: readonly string[]): readonly Proof[] =>
    names.map((name) => [file, name] as const);
