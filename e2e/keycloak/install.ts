/** Fetches the real Keycloak, once for the whole machine. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findJavaTools } from './find-tools.ts';
import { type KeycloakInstallation, startKeycloak } from './keycloak-process.ts';

const VERSION = '26.7.3';
const ARTIFACT = `org.keycloak:keycloak-quarkus-dist:${VERSION}:zip`;
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'llm-gateway');
const HOME = join(CACHE, `keycloak-${VERSION}`);

/** Why Keycloak cannot be run on this machine; null: it can. */
export function whyNoKeycloak(): string | null {
  const tools = findJavaTools();
  if (tools === null) return 'the real Keycloak needs Java 17 or newer';
  if (tools.maven === null && !existsSync(HOME))
    return 'the real Keycloak is fetched with Maven, which is missing';
  return null;
}

/**
 * Downloads and unpacks Keycloak (180 MB) where it is not there already. Two processes may do so at once.
 *
 * @throws Error when {@link whyNoKeycloak} has a reason, or the download fails
 */
export async function installKeycloak(): Promise<KeycloakInstallation> {
  const reason = whyNoKeycloak();
  const tools = findJavaTools();
  if (reason !== null || tools === null) throw new Error(reason ?? 'no Java');
  const { java, maven } = tools;
  if (existsSync(HOME) || maven === null) return { java, distribution: HOME };

  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, 'unpacking-'));
  try {
    unpack(maven, folder);
    const distribution = join(folder, `keycloak-${VERSION}`);
    // The first start compiles the server into its own folder: done here, so that later ones find it finished.
    await (await startKeycloak({ java, distribution }, { realm: 'master' })).close();
    await rename(distribution, HOME).catch((error: unknown) => {
      // Another process was faster.
      if (!existsSync(HOME)) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { java, distribution: HOME };
}

function unpack(maven: string, folder: string): void {
  const args = ['-B', '-q', 'dependency:unpack', `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${folder}`];
  const { status } = spawnSync(maven, args, { cwd: folder, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`Maven could not fetch ${ARTIFACT}`);
}
