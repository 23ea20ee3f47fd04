/** Reads `field:value` lines of an INFO section, and the parts of a reply that matter here. */
export interface ServerFacts {
  /** Text of `INFO memory` and `INFO persistence`. */
  readonly info: string;
  /** `CONFIG GET save`: the snapshot rules, empty when there are none; `null` where the server does not tell. */
  readonly save: string | null;
}

/**
 * What is wrong with a server as a place to keep counts, one sentence each; empty when nothing is.
 * Managed services may hide a fact; what cannot be seen is not complained about.
 */
export function toStoreWarnings(facts: ServerFacts): readonly string[] {
  const policy = fieldOf(facts.info, 'maxmemory_policy');
  const appendOnly = fieldOf(facts.info, 'aof_enabled');
  const warnings: string[] = [];
  if (policy !== null && policy !== 'noeviction') {
    warnings.push(
      `The quota store may evict counts when memory is short (maxmemory-policy is "${policy}"), which gives quota away; set it to "noeviction".`,
    );
  }
  if (appendOnly === '0' && facts.save === '') {
    warnings.push(
      'The quota store keeps nothing on disk, so a restart gives back all quota used today; set "appendonly yes" and "appendfsync everysec".',
    );
  }
  if (appendOnly === '0' && facts.save !== null && facts.save !== '') {
    warnings.push(
      'The quota store only takes snapshots, so a crash gives back the quota used since the last one; set "appendonly yes" and "appendfsync everysec".',
    );
  }
  return warnings;
}

function fieldOf(info: string, name: string): string | null {
  const line = info.split(/\r?\n/).find((each) => each.startsWith(`${name}:`));
  return line === undefined ? null : line.slice(name.length + 1).trim();
}
