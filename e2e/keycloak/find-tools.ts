/** What a real Keycloak needs of this machine. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

export interface JavaTools {
  /** Path of a `java` that Keycloak runs on. */
  readonly java: string;
  /** Path or name of Maven, null where it is missing. */
  readonly maven: string | null;
}

const OLDEST_JAVA = 17;
const HOMES = ['/usr/lib/jvm/*', '/opt/*jdk*', '/Library/Java/JavaVirtualMachines/*/Contents/Home'];

/** The first Java that is new enough, be it in `JAVA_HOME`, in the path or where systems keep them; null: none. */
export function findJavaTools(): JavaTools | null {
  const { JAVA_HOME } = process.env;
  const homes = [
    ...(JAVA_HOME === undefined ? [] : [JAVA_HOME]),
    ...HOMES.flatMap((pattern) => globSync(pattern)),
  ];
  const candidates = ['java', ...homes.map((home) => join(home, 'bin', 'java'))];
  const java = candidates.find((path) => majorOf(path) >= OLDEST_JAVA);
  if (java === undefined) return null;
  return { java, maven: runs('mvn') ? 'mvn' : null };
}

/** `17` of `openjdk version "17.0.15"`, and 0 where there is no Java. */
function majorOf(java: string): number {
  const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8' });
  return Number(/version "(\d+)/.exec(stderr ?? '')?.[1] ?? 0);
}

function runs(command: string): boolean {
  return spawnSync(command, ['-version'], { stdio: 'ignore' }).status === 0;
}
