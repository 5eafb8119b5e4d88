/** Two authorities: one mirrors the other's signed files into its own bucket, from where anybody can verify them. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { downloadFile, eventually, readIndex } from '../support/download.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { installAuthority, post, startRoles } from '../support/installed.ts';
import { makeKeys } from '../support/phone.ts';
import { createTestDatabase } from '../support/postgres.ts';

it("a mirror of another installation's export verifies with that one's key", { timeout: 360_000 }, async () => {
  await using theirDatabase = await createTestDatabase();
  await using ourDatabase = await createTestDatabase();
  await using theirs = await Playground.open({ ...serveSettings(theirDatabase.url), ENMESH_EXPORT_MIN_RECORDS: '10' });
  await using ours = await Playground.open({ ...serveSettings(ourDatabase.url), ENMESH_MIRROR_INTERVAL: '1s' });
  await Promise.all([startRoles(theirs), startRoles(ours)]);
  const { phone } = await installAuthority(theirs);
  const { configurationFile } = await installAuthority(ours);
  await appendFile(
    configurationFile,
    `mirrors:
  - name: theirs
    indexUrl: ${theirs.gatewayUrl}/exports/aa/index.txt
    baseUrl: ${theirs.gatewayUrl}/exports/
    bucket: mirror
    filenameRoot: v1/theirs
`,
  );
  expect(await ours.run('apply', '-f', configurationFile)).toMatchObject({ code: 0, stderr: '' });
  await post(theirs.gatewayUrl, phone.publishBody({ now: new Date(), keys: makeKeys(new Date(), 3) }));
  const listed = await eventually(async () => {
    const names = await readIndex(theirs.gatewayUrl, 'aa');
    return names.length > 0 && names;
  }, 60);

  const mirrored = await ours.run('mirror', 'theirs', '--json');
  expect(mirrored).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(mirrored.stdout)).toMatchObject({ mirrors: [{ name: 'theirs', failedFiles: 0, lastError: '' }] });
  const copies = await readIndex(ours.gatewayUrl, 'v1/theirs');
  for (const name of listed) {
    const copy = name.replace(/^aa\//, 'v1/theirs/');
    expect(copies).toContain(copy);
    expect(await downloadFile(ours.gatewayUrl, copy)).toEqual(await downloadFile(theirs.gatewayUrl, name));
  }
  const publicKey = join(ours.dataDir, 'theirs.pem');
  await writeFile(publicKey, (await theirs.run('keys', 'public', 'main')).stdout);
  const indexUrl = `${ours.gatewayUrl}/exports/v1/theirs/index.txt`;
  const base = ['--base', `${ours.gatewayUrl}/exports/`];
  const verified = await ours.run('export', 'verify', indexUrl, '--public-key', publicKey, ...base);
  expect(verified).toMatchObject({ stderr: '', code: 0 });

  // Nobody asks: the schedule finds what is new.
  await post(theirs.gatewayUrl, phone.publishBody({ now: new Date(), keys: makeKeys(new Date(), 3) }));
  await eventually(async () => (await readIndex(ours.gatewayUrl, 'v1/theirs')).length > copies.length, 240);
});
