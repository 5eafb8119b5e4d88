/** Imports from another authority's server, over real HTTP into a real database. */
import { describe, expect, it } from 'vitest';
import type { ImportSettings } from '../../../src/federation/import/settings.ts';
import { sampleRow, sampleSigner, sampleZip } from '../../support/export-file.ts';
import { makeZip } from '../../support/zip.ts';
import { foreignBin, signedZip } from './foreign-file.ts';
import { importerSettings } from './settings.ts';
import { NOW, openImporter, startUpstream, storedKeys, type Importer, type Upstream } from './upstream.ts';

const { download } = importerSettings;

async function open(
  settings: Partial<ImportSettings> = {},
): Promise<{ importer: Importer; upstream: Upstream } & AsyncDisposable> {
  const importer = await openImporter(settings);
  const upstream = await startUpstream();
  return {
    importer,
    upstream,
    [Symbol.asyncDispose]: async () => {
      await upstream[Symbol.asyncDispose]();
      await importer[Symbol.asyncDispose]();
    },
  };
}

describe('an import', () => {
  it('stores the keys of every listed file in the present window, as of its region and not ours', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    const id = await importer.add(upstream.url, { region: 'CC', traveler: true });
    upstream.publish({
      'cc/1.zip': await sampleZip({ header: { region: 'ZZ' }, rows: [sampleRow(1)], signers: [importer.signer] }),
      'cc/2.zip': await sampleZip({ rows: [sampleRow(2, { onset: null })], signers: [importer.signer] }),
    });
    await importer.run();
    const keys = await storedKeys(importer);
    expect(keys.map(({ key }) => key)).toEqual([sampleRow(1).key, sampleRow(2).key]);
    expect(keys[0]).toMatchObject({
      created_at: new Date('2020-05-20T10:00:00Z'),
      regions: ['CC'],
      traveler: true,
      import_id: id,
      app_id: null,
      provenance: ['import:cc'],
      days_since_onset: 3,
    });
    expect(keys[1]).toMatchObject({ days_since_onset: 10 });
    expect(await importer.state()).toMatchObject({
      listedFiles: 2,
      importedFiles: 2,
      insertedKeys: 2,
      indexReadAt: NOW,
      indexError: null,
      problems: [],
    });
  });

  it('asks for each file once', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    upstream.publish({ 'cc/1.zip': await sampleZip({ signers: [importer.signer] }) });
    await importer.run();
    await importer.run();
    expect(upstream.asked).toEqual(['index.txt', 'cc/1.zip', 'index.txt']);
  });

  it('holds a key that is still valid back until nobody can replay it', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    const start = NOW.getTime() / 600_000 - 50;
    const row = sampleRow(1, { start: Math.floor(start) });
    upstream.publish({ '1.zip': await sampleZip({ rows: [row], signers: [importer.signer] }) });
    await importer.run();
    const end = (row.start + 144) * 600_000;
    expect((await storedKeys(importer))[0]!.created_at.getTime()).toBeGreaterThan(end);
  });

  it('leaves a key that is here already to whoever brought it', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    await importer.deps.database.query(
      `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler, regions)
       values ($1, $2, 2649456, 144, 7, 2, false, '{AA}')`,
      [sampleRow(1).key, NOW],
    );
    const files = {
      rows: [sampleRow(1), sampleRow(2)],
      revisedRows: [sampleRow(1, { reportType: 5 })],
      signers: [importer.signer],
    };
    upstream.publish({ '1.zip': await sampleZip(files) });
    await importer.run();
    const [first] = await storedKeys(importer);
    expect(first).toMatchObject({ regions: ['AA'], transmission_risk: 7, revised_at: null, provenance: null });
    expect(await importer.state()).toMatchObject({
      insertedKeys: 1,
      revisedKeys: 0,
      quarantine: { not_from_this_import: 1 },
    });
  });

  it('stores a key once that stands in a file twice, or in two files; the first counts, in whatever order they are', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    const row = (number: number, risk: number) => ({
      keyData: sampleRow(number).key,
      transmissionRiskLevel: risk,
      rollingStartIntervalNumber: 2_649_456,
    });
    const unsorted = foreignBin({ keys: [row(3, 1), row(1, 3), row(1, 4)] });
    upstream.publish({
      '1.zip': await signedZip(unsorted, importer.signer),
      '2.zip': await signedZip(foreignBin({ keys: [row(1, 5), row(2, 6)] }), importer.signer),
    });
    await importer.run();
    expect((await storedKeys(importer)).map(({ transmission_risk }) => transmission_risk)).toEqual([3, 6, 1]);
    expect(await importer.state()).toMatchObject({ insertedKeys: 3, quarantine: {} });
  });

  it('revises keys that it brought, once, for everybody who got them', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    const likely = [1, 2, 3].map((number) => sampleRow(number, { reportType: 2 }));
    upstream.publish({ '1.zip': await sampleZip({ rows: likely, signers: [importer.signer] }) });
    await importer.run();
    importer.clock.advance(3_600_000);
    const revisedRows = [
      sampleRow(1, { reportType: 5 }),
      sampleRow(2, { reportType: 1 }),
      sampleRow(3, { reportType: 2 }),
    ];
    upstream.publish({ '2.zip': await sampleZip({ rows: [], revisedRows, signers: [importer.signer] }) });
    await importer.run();
    const keys = await storedKeys(importer);
    expect(keys.map(({ revised_report_type }) => revised_report_type)).toEqual([5, 1, null]);
    expect(keys[0]).toMatchObject({
      report_type: 2,
      created_at: new Date('2020-05-20T10:00:00Z'),
      revised_at: new Date('2020-05-20T11:00:00Z'),
      revised_regions: ['CC'],
      revised_traveler: false,
    });
    expect(await importer.state()).toMatchObject({ revisedKeys: 2, quarantine: { report_type_not_allowed: 1 } });
  });

  it('makes a revision that came before its key as soon as the key is here', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    const revision = { rows: [], revisedRows: [sampleRow(1, { reportType: 5 })], signers: [importer.signer] };
    upstream.publish({ '1.zip': await sampleZip(revision) });
    await importer.run();
    expect(await importer.state()).toMatchObject({ importedFiles: 1, quarantine: { unknown_key: 1 } });
    const key = { rows: [sampleRow(1, { reportType: 2 })], signers: [importer.signer] };
    upstream.publish({ '2.zip': await sampleZip(key) });
    await importer.run();
    expect((await storedKeys(importer))[0]).toMatchObject({ report_type: 2, revised_report_type: 5 });
    expect(await importer.state()).toMatchObject({ quarantine: {} });
  });
});

describe('one bad key', () => {
  it('goes into quarantine with its reason, and the others are stored', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    const start = { rollingStartIntervalNumber: 2_649_456 };
    const keys = [
      { keyData: sampleRow(1).key, ...start },
      { keyData: sampleRow(2).key, transmissionRiskLevel: 9, ...start },
      { keyData: sampleRow(3).key },
      { keyData: sampleRow(4).key, reportType: 5, ...start },
      { keyData: Buffer.alloc(1000), ...start },
      { keyData: Buffer.alloc(0), ...start },
      { keyData: sampleRow(5).key, daysSinceOnsetOfSymptoms: -2_147_483_648, ...start },
      { keyData: sampleRow(6).key, rollingPeriod: 2_147_483_647, ...start },
    ];
    upstream.publish({ '1.zip': await signedZip(foreignBin({ keys }), importer.signer) });
    await importer.run();
    expect((await storedKeys(importer)).map(({ key }) => key)).toEqual([sampleRow(1).key]);
    expect(await importer.state()).toMatchObject({
      importedFiles: 1,
      quarantine: {
        key_length: 2,
        onset_out_of_range: 1,
        report_type_not_allowed: 1,
        rolling_period: 1,
        too_old: 1,
        transmission_risk: 1,
      },
    });
    expect((await importer.deps.metrics.render()).body).toContain('enmesh_import_keys_total{outcome="quarantined"} 7');
  });
});

describe('one bad file', () => {
  it('never keeps the others, is tried again after a while, and tells why it failed', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    const good = await sampleZip({ signers: [importer.signer] });
    upstream.publish({ '1.zip': 404, '2.zip': await sampleZip({ signers: [sampleSigner()] }), '3.zip': good });
    await importer.tick();
    expect(await storedKeys(importer)).toHaveLength(2);
    const retryAt = new Date(NOW.getTime() + 60_000);
    expect((await importer.state()).problems).toEqual([
      { name: '1.zip', attempts: 1, retryAt, error: 'the file answers with status 404' },
      { name: '2.zip', attempts: 1, retryAt, error: 'no signature holds: the one of 310/v1 is wrong' },
    ]);
    importer.clock.advance(59_999);
    await importer.tick();
    expect(upstream.asked.filter((path) => path === '1.zip')).toHaveLength(1);
    upstream.answers.set('1.zip', await sampleZip({ rows: [sampleRow(9)], signers: [importer.signer] }));
    importer.clock.advance(1);
    await importer.tick();
    expect(await storedKeys(importer)).toHaveLength(3);
    expect(await importer.state()).toMatchObject({ importedFiles: 2, waitingFiles: 1 });
  });

  it('that names its entries with bytes no table can hold is refused like any other', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    upstream.publish({
      '1.zip': makeZip([{ name: '/a\0b\\\ud800', content: Buffer.alloc(0) }]),
      '2.zip': makeZip([{ name: '../'.repeat(10_000), content: Buffer.alloc(0) }]),
      '3.zip': await sampleZip({ signers: [importer.signer] }),
    });
    await importer.tick();
    const { problems } = await importer.state();
    expect(problems.map(({ name }) => name)).toEqual(['1.zip', '2.zip']);
    for (const { error } of problems) expect(error).toMatch(/^is no zip that can be read[ -~]{0,300}$/);
    expect(await storedKeys(importer)).toHaveLength(2);
  });

  it('of whose keys any cannot be read stores none of them', async () => {
    await using fixture = await open({ maxKeys: 2 });
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    const rows = [1, 2, 3].map((number) => sampleRow(number));
    upstream.publish({ '1.zip': await sampleZip({ rows, signers: [importer.signer] }) });
    await importer.run();
    expect(await storedKeys(importer)).toEqual([]);
    expect((await importer.state()).problems[0]!.error).toBe('has more than 2 keys');
  });

  it('that is too large, too slow or redirected is refused', async () => {
    await using fixture = await open({ maxFileBytes: 5_000, download: { ...download, fileTimeoutMs: 300 } });
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    upstream.publish({
      'large.zip': Buffer.alloc(5_001),
      'slow.zip': (response) => response.write('PK'),
      'elsewhere.zip': (response) => response.writeHead(302, { location: '/index.txt' }).end(),
    });
    await importer.run();
    expect((await importer.state()).problems.map(({ error }) => error)).toEqual([
      'the file is larger than 5000 bytes',
      'the file took longer than ENMESH_DOWNLOAD_FILE_TIMEOUT',
      expect.stringContaining('the file answers with status 302') as string,
    ]);
  });

  it('is given up after 24 tries, stays on record, and can be opened again by coming back into the index', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    upstream.publish({ '1.zip': 500 });
    for (let attempt = 1; attempt <= 25; attempt++) {
      await importer.tick();
      importer.clock.advance(6 * 3_600_000);
    }
    expect(upstream.asked.filter((path) => path === '1.zip')).toHaveLength(24);
    expect(await importer.state()).toMatchObject({
      failedFiles: 1,
      problems: [{ name: '1.zip', attempts: 24, retryAt: null }],
    });
    upstream.publish({ '2.zip': await sampleZip({ rows: [], signers: [importer.signer] }) });
    await importer.run();
    upstream.publish({ '1.zip': await sampleZip({ rows: [], signers: [importer.signer] }) });
    await importer.run();
    expect(await importer.state()).toMatchObject({ listedFiles: 1, importedFiles: 1, failedFiles: 0 });
  });
});

describe('an index', () => {
  it.each([
    ['an error page with status 500', 500, 'the index answers with status 500'],
    ['an error page with status 404', 404, 'the index answers with status 404'],
    [
      'an error page that says it is fine',
      '<html>\n<a href="x.zip">\n</html>',
      'it is no index: no line is the name of a zip',
    ],
    ['nothing', '', null],
    ['more than is read', Buffer.alloc(2_000_000, 'a'), 'the index is larger than 1024 KiB'],
  ])('that is %s changes nothing', async (_what, answer, error) => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    upstream.publish({ '1.zip': 500, '2.zip': await sampleZip({ signers: [importer.signer] }) });
    await importer.run();
    upstream.answers.set('index.txt', answer);
    await importer.run();
    expect(await importer.state()).toMatchObject({
      listedFiles: 2,
      importedFiles: 1,
      waitingFiles: 1,
      failedFiles: 0,
      indexError: error,
    });
  });

  it('that names other things too gives up nothing, and its files are imported', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    upstream.publish({ '1.zip': 500 });
    await importer.run();
    upstream.publish({ README: 404, '2.zip': await sampleZip({ signers: [importer.signer] }) });
    await importer.run();
    expect(await importer.state()).toMatchObject({
      listedFiles: 2,
      importedFiles: 1,
      waitingFiles: 1,
      indexError: '1 of its lines are no names of zips and are passed over',
    });
  });

  it('that a file has left means that the file is given up if it is not imported', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    upstream.publish({ '1.zip': 500, '2.zip': await sampleZip({ rows: [], signers: [importer.signer] }) });
    await importer.run();
    upstream.publish({ '3.zip': await sampleZip({ rows: [], signers: [importer.signer] }) });
    await importer.run();
    const state = await importer.state();
    expect(state).toMatchObject({ listedFiles: 1, importedFiles: 1, failedFiles: 0 });
    expect(state.problems).toEqual([
      {
        name: '1.zip',
        attempts: 1,
        retryAt: null,
        error: 'the file answers with status 500; it left the index before it was imported',
      },
    ]);
  });

  it('is read at its interval only, also when it cannot be', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    await importer.tick();
    importer.clock.advance(899_999);
    await importer.tick();
    expect(upstream.asked).toEqual(['index.txt']);
    importer.clock.advance(1);
    await importer.tick();
    expect(upstream.asked).toEqual(['index.txt', 'index.txt']);
  });
});

describe('a dead upstream', () => {
  it('that lacks files keeps none of those that it has', async () => {
    await using fixture = await open();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url);
    const there = await sampleZip({ signers: [importer.signer] });
    upstream.publish({ '1.zip': 404, '2.zip': 404, '3.zip': 410, '4.zip': there });
    await importer.tick();
    expect(await importer.state()).toMatchObject({ importedFiles: 1, waitingFiles: 3 });
  });

  it('keeps no other import, and a scheduled run leaves it when its time is over', async () => {
    await using fixture = await open({ download: { ...download, fileTimeoutMs: 200, indexTimeoutMs: 200 } });
    await using good = await startUpstream();
    const { importer, upstream } = fixture;
    await importer.add(upstream.url, { name: 'aa-dead' });
    await importer.add(good.url, { name: 'bb-good' });
    const silence = (): void => undefined;
    upstream.publish({ '1.zip': silence, '2.zip': silence, '3.zip': silence });
    good.publish({ '1.zip': await sampleZip({ signers: [importer.signer] }) });
    await importer.tick({ fileLimitMs: 100 });
    expect(upstream.asked).toEqual(['index.txt', '1.zip']);
    upstream.answers.set('index.txt', () => undefined);
    importer.clock.advance(900_000);
    good.publish({ '2.zip': await sampleZip({ rows: [sampleRow(5)], signers: [importer.signer] }) });
    await importer.tick({ fileLimitMs: 100 });
    expect(await importer.state('bb-good')).toMatchObject({ importedFiles: 1, insertedKeys: 3, indexError: null });
    expect(await importer.state('aa-dead')).toMatchObject({
      indexError: 'the index took longer than ENMESH_DOWNLOAD_INDEX_TIMEOUT',
    });
    // Those that were not tried yet come first.
    expect(upstream.asked.slice(-1)).toEqual(['2.zip']);
  });

  it('at an address that is not public is not asked', async () => {
    const places = { ca: undefined, allowPrivateAddresses: false, allowLoopback: false };
    await using fixture = await open({ download: { ...download, places } });
    const { importer, upstream } = fixture;
    await importer.add(upstream.url.replace('http:', 'https:'));
    await importer.run();
    expect((await importer.state()).indexError).toContain('leads to an address that is not public');
    expect(upstream.asked).toEqual([]);
  });
});
