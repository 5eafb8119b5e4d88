/** All roles in one process, of which partners' port alone has TLS, as on one machine of a small authority. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { TestCa } from '../platform/grpc/certificates.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { startRoles } from '../support/installed.ts';
import { createEmptyDatabase } from '../support/postgres.ts';

it('TLS on the federation port alone keeps neither roles nor commands from each other', async () => {
  await using database = await createEmptyDatabase();
  await using playground = await Playground.open(serveSettings(database.url));
  const ca = new TestCa('Federation');
  const texts = { ca: ca.cert, ...ca.issue({ ips: ['127.0.0.1'] }) };
  const place = (name: string) => join(playground.dataDir, `${name}.pem`);
  for (const [name, text] of Object.entries(texts)) await writeFile(place(name), text);
  const settings = {
    ENMESH_FEDERATION_TLS_CERT: place('cert'),
    ENMESH_FEDERATION_TLS_KEY: place('key'),
    ENMESH_CALLER_TOKENS: 'of-the-gateway=gateway,of-the-operator=operate',
    ENMESH_CLIENT_TLS_CA: place('ca'),
  };
  await startRoles(playground, [], { ...settings, ENMESH_CLIENT_TOKEN: 'of-the-gateway' });
  for (const command of [['jobs'], ['export', 'list'], ['federation', 'status']]) {
    const operator = { ...settings, ENMESH_CLIENT_TOKEN: 'of-the-operator' };
    const { code, stderr } = await playground.start(command, operator).finished();
    expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: '' });
  }
}, 120_000);
