/** Two authorities: a phone publishes at one, the other imports its signed files and exports the keys to its own phones. */
import { appendFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { downloadAll, eventually } from '../support/download.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { installAuthority, post, startRoles } from '../support/installed.ts';
import { makeKeys } from '../support/phone.ts';
import { createTestDatabase } from '../support/postgres.ts';

describe('an import between two installations', () => {
  it("puts the other authority's keys into our exports, with their revisions", { timeout: 360_000 }, async () => {
    await using ours = await open();
    await using theirs = await open();
    const here = ours.playground;
    const there = theirs.playground;
    const { phone } = await installAuthority(there);
    const installed = await installAuthority(here);
    const publicKeyPem = await publicKeyOf(there);
    await appendFile(
      installed.configurationFile,
      `imports:
  - name: theirs
    indexUrl: ${there.gatewayUrl}/exports/aa/index.txt
    baseUrl: ${there.gatewayUrl}/exports/
    region: AA
    publicKeys: [{ keyId: "310", keyVersion: v1, publicKeyPem: ${JSON.stringify(publicKeyPem)}, from: 2020-01-01T00:00:00Z }]
`,
    );
    const applied = await here.run('apply', '-f', installed.configurationFile);
    expect(applied).toMatchObject({ code: 0, stderr: '' });

    const keys = makeKeys(new Date(), 3);
    const body = { now: new Date(), keys, reportType: 'likely' };
    const { body: published } = await post(there.gatewayUrl, phone.publishBody(body));
    await eventually(async () => await exported(there, keys), 240);
    const imported = await here.run('import', 'theirs');
    expect(imported.stderr).toBe('');
    expect(imported.code).toBe(0);
    const files = await eventually(async () => await exported(here, keys), 240);
    const found = files.flatMap((file) => file.keys).filter(({ key }) => keys.some((sent) => sent.key === key));
    expect(found.map(({ reportType }) => reportType)).toEqual([2, 2, 2]);

    const revisionToken = String(published['revisionToken']);
    const revision = phone.publishBody({ now: new Date(), keys, reportType: 'negative', revisionToken });
    expect(await post(there.gatewayUrl, revision)).toMatchObject({ status: 200 });
    await eventually(async () => await exported(there, keys, 'revisedKeys'), 240);
    // Nobody asks: the schedule finds it.
    const revisions = await eventually(async () => await exported(here, keys, 'revisedKeys'), 240);
    const revised = revisions.flatMap((file) => file.revisedKeys);
    expect(revised.filter(({ key }) => keys.some((sent) => sent.key === key)).map((key) => key.reportType)).toEqual([
      5, 5, 5,
    ]);
    const list = await here.run('import', '--list', '--json');
    expect(JSON.parse(list.stdout)).toMatchObject({ imports: [{ name: 'theirs', failedFiles: 0, indexError: '' }] });
  });
});

async function open() {
  const database = await createTestDatabase();
  const playground = await Playground.open({
    ...serveSettings(database.url),
    ENMESH_EXPORT_MIN_RECORDS: '10',
    ENMESH_EXPORT_PADDING_RANGE: '0',
    ENMESH_IMPORT_INTERVAL: '1s',
  });
  await startRoles(playground);
  return {
    playground,
    [Symbol.asyncDispose]: async () => {
      await playground[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

async function publicKeyOf({ gatewayUrl }: Playground): Promise<string> {
  return await eventually(async () => {
    const response = await fetch(`${gatewayUrl}/exports/aa/keys.json`);
    const { keys } = (await response.json()) as { keys?: { publicKeyPem: string }[] };
    return keys?.[0]?.publicKeyPem;
  });
}

/** The files of an installation, when every key stands in one. */
async function exported(
  playground: Playground,
  wanted: readonly { readonly key: string }[],
  list: 'keys' | 'revisedKeys' = 'keys',
) {
  const files = await downloadAll(playground.gatewayUrl, 'aa', await publicKeyOf(playground));
  const found = new Set(files.flatMap((file) => file[list].map(({ key }) => key)));
  return wanted.every(({ key }) => found.has(key)) && files;
}
