/**
 * Says what an image was built from: a statement of in-toto with SLSA's provenance, as JSON on standard output.
 *
 *   node provenance.ts NAME DIGEST REVISION BASE=DIGEST…
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [name = '', digest = '', revision = '', ...bases] = process.argv.slice(2);

const sha256 = (text: string) => ({ sha256: text.replace(/^sha256:/, '') });
const hashOf = (file: string) => sha256(createHash('sha256').update(readFileSync(file)).digest('hex'));

const statement = {
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ name, digest: sha256(digest) }],
  predicateType: 'https://slsa.dev/provenance/v1',
  predicate: {
    buildDefinition: {
      buildType: 'https://github.com/containers/buildah',
      externalParameters: { dockerfile: 'Dockerfile', revision },
      resolvedDependencies: [
        { uri: 'git+file:.', digest: { gitCommit: revision } },
        ...['Dockerfile', 'package-lock.json'].map((file) => ({ name: file, digest: hashOf(file) })),
        ...bases.map((base) => {
          const split = base.lastIndexOf('=');
          return { name: base.slice(0, split), digest: sha256(base.slice(split + 1)) };
        }),
      ],
    },
    runDetails: {
      builder: { id: 'deploy/image/build.sh' },
      metadata: { finishedOn: new Date().toISOString() },
    },
  },
};

process.stdout.write(`${JSON.stringify(statement, null, 2)}\n`);
