/** The whole way with each blob store: publish, export, download, verify, clean up; without a folder for blobs. */
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openStoreOf } from '../support/blob-environment.ts';
import { downloadAll, eventually, readIndex } from '../support/download.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { installAuthority, post } from '../support/installed.ts';
import { makeKeys } from '../support/phone.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { runSql } from '../support/sql.ts';
import { blobEmulators } from './blob-emulators.ts';

describe.each(Object.entries(blobEmulators))('serve with %s', { timeout: 120_000 }, (_, start) => {
  it('publishes, exports and serves a file that verifies, and deletes it when its time is over', async (context) => {
    await using emulator = await start(context);
    await using database = await createTestDatabase();
    const environment = { ENMESH_CREATE_BUCKETS: 'true', ...emulator.environment() };
    await using playground = await Playground.open({ ...serveSettings(database.url), ...environment });
    const serving = playground.start(['serve']);
    await serving.prints('"msg":"ready"');
    const { phone } = await installAuthority(playground);
    const doctor = await playground.run('doctor');
    expect(doctor.stdout).toMatch(/bucket exports \(\w+\) (takes and gives back|is missing, and made)/);

    const keys = makeKeys(new Date(), 14);
    expect(await post(playground.gatewayUrl, phone.publishBody({ now: new Date(), keys }))).toMatchObject({
      status: 200,
    });
    const names = await eventually(async () => {
      const listed = await readIndex(playground.gatewayUrl, 'aa');
      return listed.length > 0 && listed;
    });
    const response = await fetch(`${playground.gatewayUrl}/exports/aa/keys.json`);
    const [key] = ((await response.json()) as { keys: { publicKeyPem: string }[] }).keys;
    const files = await downloadAll(playground.gatewayUrl, 'aa', key!.publicKeyPem);
    const exported = new Set(files.flatMap((file) => file.keys.map((exportedKey) => exportedKey.key)));
    expect(keys.filter((published) => exported.has(published.key))).toHaveLength(14);
    const publicKeyFile = join(playground.dataDir, 'public.pem');
    await writeFile(publicKeyFile, key!.publicKeyPem);
    const index = `${playground.gatewayUrl}/exports/aa/index.txt`;
    expect(await playground.run('export', 'verify', index, '--public-key', publicKeyFile)).toMatchObject({ code: 0 });

    const store = await openStoreOf(environment);
    const zips = async (): Promise<string[]> =>
      (await Array.fromAsync(store.list('exports', 'aa/'))).filter((name) => name.endsWith('.zip'));
    expect(await zips()).toEqual(expect.arrayContaining(names));
    await runSql(
      database.url,
      `update files set status = 'unlisted', unlisted_at = now() - interval '2 hours' where name = '${names[0]!}'`,
    );
    expect(await playground.run('cleanup')).toMatchObject({ code: 0 });
    expect(await zips()).not.toContain(names[0]);
    expect((await playground.run('doctor')).stdout).toMatch(/bucket exports \(\w+\) takes and gives back/);
    expect(await serving.end()).toMatchObject({ code: 0 });
  });
});
