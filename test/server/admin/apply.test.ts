/** AdminService on a real database: what is asked for is there afterwards, or nothing is changed. */
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { isEmptyConfiguration } from '../../../src/domain/configuration/lists.ts';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import { withoutNulls } from '../../../src/domain/configuration/without-nulls.ts';
import { ChangeAction } from '../../../src/gen/enmesh/admin/v1/admin.ts';
import { applyAtStart } from '../../../src/server/admin/apply-at-start.ts';
import { readConfiguration } from '../../../src/storage/configuration/read-configuration.ts';
import type { Database } from '../../../src/storage/database.ts';
import { message, startAdmin } from '../../support/admin.ts';
import { makePublicKeyPem, members, sampleDocument } from '../../support/configuration.ts';

const { healthAuthority, app, signingKey, series, partner } = members;

async function faultsOf(answer: Promise<unknown>): Promise<readonly string[]> {
  const error = await answer.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(AppError);
  expect(error).toMatchObject({ kind: 'invalid', code: 'invalid_configuration' });
  return (error as AppError).details.map((line) => line.slice(0, line.indexOf(': ')));
}

async function auditRows(database: Database): Promise<{ actor: string; action: string; subject: string }[]> {
  const { rows } = await database.query<{ actor: string; action: string; subject: string }>(
    'select actor, action, subject from audit order by id',
  );
  return rows;
}

describe('applying a configuration', () => {
  it('brings every list about, and Get returns it', async () => {
    await using admin = await startAdmin();
    const wanted = parseConfiguration(sampleDocument());
    const { changes } = await admin.client.apply({ configuration: message(sampleDocument()) });
    expect(changes).toHaveLength(7);
    expect(changes.every(({ action }) => action === ChangeAction.CREATE)).toBe(true);
    expect(await readConfiguration(admin.database)).toEqual(wanted);
    const { configuration } = await admin.client.get({});
    expect(configuration?.exports[0]).toMatchObject(withoutNulls(wanted).exports[0] ?? {});
  });

  it('changes nothing the second time', async () => {
    await using admin = await startAdmin();
    await admin.client.apply({ configuration: message(sampleDocument()) });
    const { changes } = await admin.client.apply({ configuration: message(sampleDocument()), prune: true });
    expect(changes).toEqual([]);
    expect(await auditRows(admin.database)).toHaveLength(7);
  });

  it('takes what Get returned without a change', async () => {
    await using admin = await startAdmin();
    await admin.client.apply({ configuration: message(sampleDocument()) });
    const { configuration } = await admin.client.get({});
    expect((await admin.client.plan({ configuration: configuration ?? {}, prune: true })).changes).toEqual([]);
  });

  it('keeps every field that can be set', async () => {
    await using admin = await startAdmin();
    const document = {
      ...sampleDocument(),
      healthAuthorities: [{ ...healthAuthority, stats: false, jwksUri: 'https://verify.example.org/jwks.json' }],
      apps: [
        {
          ...app,
          bypassRevisionToken: true,
          attestation: 'off',
          android: {
            packageName: 'org.example.health',
            certificateDigests: [`${'A'.repeat(43)}=`],
            decryptionKey: 'secret://env/ONE',
            verificationKey: 'secret://env/TWO',
            maxAge: '5m',
          },
        },
      ],
      signingKeys: [{ ...signingKey, thru: '2030-01-01T00:00:00Z' }],
      exports: [
        {
          ...series,
          inputRegions: ['AA', 'BB'],
          excludeRegions: ['CC'],
          includeTravelers: false,
          period: '24h',
          from: '2026-01-01T00:00:00Z',
          thru: '2027-01-01T00:00:00Z',
          maxRecords: 1000,
          shift: '8h',
          grace: '48h',
        },
      ],
      partners: [{ ...partner, accept: null, pull: null }],
    };
    await admin.client.apply({ configuration: message(document) });
    expect(await readConfiguration(admin.database)).toEqual(parseConfiguration(document));
  });

  it('says what it would change, and changes nothing, when asked for the plan', async () => {
    await using admin = await startAdmin();
    const { changes } = await admin.client.plan({ configuration: message(sampleDocument()) });
    expect(changes).toHaveLength(7);
    expect(isEmptyConfiguration(await readConfiguration(admin.database))).toBe(true);
    expect(await auditRows(admin.database)).toEqual([]);
  });

  it('leaves alone what is not named, and deletes it when pruning', async () => {
    await using admin = await startAdmin();
    await admin.client.apply({ configuration: message(sampleDocument()) });
    const rest = message({ healthAuthorities: [healthAuthority], apps: [app] });
    expect((await admin.client.apply({ configuration: rest })).changes).toEqual([]);
    const { changes } = await admin.client.apply({ configuration: rest, prune: true });
    expect(changes.map(({ action, list }) => [action, list])).toEqual(
      ['exports', 'partners', 'mirrors', 'imports', 'signingKeys'].map((list) => [ChangeAction.DELETE, list]),
    );
    expect((await readConfiguration(admin.database)).exports).toEqual([]);
  });

  it('replaces the keys of an authority and never touches those of its JWKS', async () => {
    await using admin = await startAdmin();
    const withJwks = { ...healthAuthority, jwksUri: 'https://verify.example.org/jwks.json' };
    await admin.client.apply({ configuration: message({ healthAuthorities: [withJwks] }) });
    await admin.database.query(
      `insert into health_authority_keys select id, 'from-jwks', 'pem', now(), null, true from health_authorities`,
    );
    const next = { ...withJwks, keys: [{ version: 'v2', publicKeyPem: makePublicKeyPem() }] };
    await admin.client.apply({ configuration: message({ healthAuthorities: [next] }) });
    const { rows } = await admin.database.query(
      'select version, from_jwks from health_authority_keys order by version',
    );
    expect(rows).toEqual([
      { version: 'from-jwks', from_jwks: true },
      { version: 'v2', from_jwks: false },
    ]);
  });

  it('lets two exports swap their roots', async () => {
    await using admin = await startAdmin();
    const two = (one: string, other: string) =>
      message({
        signingKeys: [signingKey],
        exports: [
          { ...series, filenameRoot: one },
          { ...series, name: 'bb', filenameRoot: other },
        ],
      });
    await admin.client.apply({ configuration: two('one', 'other') });
    await admin.client.apply({ configuration: two('other', 'one') });
    const { exports } = await readConfiguration(admin.database);
    expect(exports.map(({ filenameRoot }) => filenameRoot)).toEqual(['other', 'one']);
  });

  it('notes when an export was added, and leaves that alone when it changes', async () => {
    await using admin = await startAdmin();
    const addedAfterApply = async (fields: object) => {
      const configuration = message({ signingKeys: [signingKey], exports: [{ ...series, ...fields }] });
      await admin.client.apply({ configuration });
      const { rows } = await admin.database.query<{ added_at: Date | null }>('select added_at from exports');
      return rows[0]!.added_at;
    };
    const { rows: before } = await admin.database.query<{ now: Date }>('select clock_timestamp() as now');
    const added = await addedAfterApply({ period: '4h' });
    expect(added!.getTime()).toBeGreaterThanOrEqual(before[0]!.now.getTime());
    expect(await addedAfterApply({ period: '8h' })).toEqual(added);
  });

  it('asks for a new index where an export moves, and only there', async () => {
    await using admin = await startAdmin();
    const apply = async (fields: object) => {
      const configuration = message({ signingKeys: [signingKey], exports: [{ ...series, ...fields }] });
      await admin.client.apply({ configuration });
      const { rows } = await admin.database.query('select index_wanted > index_written as wanted from exports');
      await admin.database.query('update exports set index_written = index_wanted');
      return rows;
    };
    await apply({ period: '4h' });
    expect(await apply({ period: '8h' })).toEqual([{ wanted: false }]);
    expect(await apply({ filenameRoot: 'moved' })).toEqual([{ wanted: true }]);
  });

  it('writes an audit row for each change, with its fields', async () => {
    await using admin = await startAdmin();
    await admin.client.apply({ configuration: message({ signingKeys: [signingKey] }) });
    await admin.client.apply({ configuration: message({ signingKeys: [{ ...signingKey, thru: '2030-01-01' }] }) });
    await admin.client.apply({ configuration: {}, prune: true });
    expect(await auditRows(admin.database)).toEqual(
      ['create', 'update', 'delete'].map((action) => ({ actor: 'local', action, subject: 'signingKeys/main' })),
    );
    const { rows } = await admin.database.query<{ change: unknown }>(
      `select change from audit where action = 'update'`,
    );
    expect(rows[0]?.change).toEqual({ fields: [{ path: 'thru', before: null, after: '2030-01-01T00:00:00.000Z' }] });
  });

  it('gives applies that come at once one after the other', async () => {
    await using admin = await startAdmin();
    const apply = () => admin.client.apply({ configuration: message(sampleDocument()) });
    const answers = await Promise.all([apply(), apply(), apply(), apply()]);
    expect(answers.map(({ changes }) => changes.length).toSorted()).toEqual([0, 0, 0, 7]);
    expect(await auditRows(admin.database)).toHaveLength(7);
  });
});

describe('a wrong configuration', () => {
  it('changes nothing and has every fault named, of the file, the installation and the references', async () => {
    await using admin = await startAdmin();
    const configuration = message({
      healthAuthorities: [{ ...healthAuthority, keys: [{ version: 'v1', publicKeyPem: makePublicKeyPem('P-384') }] }],
      apps: [{ ...app, healthAuthorities: ['https://nobody.example'] }],
      exports: [{ ...series, period: '1h' }],
    });
    expect(await faultsOf(admin.client.apply({ configuration }))).toEqual([
      'exports[0].period',
      'healthAuthorities[0].keys[0].publicKeyPem',
      'apps[0].healthAuthorities[0]',
      'exports[0].signingKeys[0]',
    ]);
    expect(isEmptyConfiguration(await readConfiguration(admin.database))).toBe(true);
    expect(await auditRows(admin.database)).toEqual([]);
  });

  it('is checked as thoroughly when it does not come from a file', async () => {
    await using admin = await startAdmin();
    const configuration = { exports: [{ name: 'aa', filenameRoot: '../aa', periodSeconds: 7 }] };
    expect(await faultsOf(admin.client.apply({ configuration }))).toEqual([
      'exports[0].bucket',
      'exports[0].filenameRoot',
      'exports[0].outputRegion',
    ]);
  });

  it('cannot take a root that another export of the installation has', async () => {
    await using admin = await startAdmin();
    await admin.client.apply({ configuration: message({ signingKeys: [signingKey], exports: [series] }) });
    const configuration = message({ exports: [{ ...series, name: 'other', filenameRoot: 'AA' }] });
    expect(await faultsOf(admin.client.plan({ configuration }))).toEqual(['exports[0].filenameRoot']);
  });

  it('Export decision 10: cannot take a root under which another export still has files', async () => {
    await using admin = await startAdmin();
    const named = (name: string, filenameRoot: string) => ({ ...series, name, filenameRoot });
    const apply = (...exports: object[]) =>
      admin.client.apply({ configuration: message({ signingKeys: [signingKey], exports }) });
    await apply(named('aa', 'aa'));
    await insertFile(admin.database, 'listed');
    expect(await faultsOf(apply(named('aa', 'moved'), named('bb', 'AA')))).toEqual(['exports[1].filenameRoot']);
    const { warnings } = await apply(named('aa', 'moved'));
    expect(warnings.filter((line) => line.startsWith('exports[0].filenameRoot: moves the files'))).toHaveLength(1);
    expect(await faultsOf(apply(named('aa', 'moved'), named('bb', 'aa')))).toEqual(['exports[1].filenameRoot']);
    expect((await apply(named('aa', 'aa'))).changes).toHaveLength(1);
    await apply(named('aa', 'moved'));
    await admin.database.query(`update files set status = 'deleted'`);
    expect((await apply(named('aa', 'moved'), named('bb', 'aa'))).changes).toHaveLength(1);
  });

  it('cannot give a mirror a root that an export has left, until clean-up has forgotten it', async () => {
    await using admin = await startAdmin();
    const mirror = {
      name: 'm',
      indexUrl: 'https://files.example.org/index.txt',
      baseUrl: 'https://files.example.org',
      bucket: 'mirror',
      filenameRoot: 'AA',
    };
    const apply = (filenameRoot: string, mirrors: object[]) =>
      admin.client.apply({
        configuration: message({ signingKeys: [signingKey], exports: [{ ...series, filenameRoot }], mirrors }),
      });
    await apply('aa', []);
    await insertFile(admin.database, 'listed');
    expect(await faultsOf(apply('moved', [mirror]))).toEqual(['mirrors[0].filenameRoot']);
    await apply('moved', []);
    await admin.database.query(`update files set status = 'deleted'`);
    expect(await faultsOf(apply('moved', [mirror]))).toEqual(['mirrors[0].filenameRoot']);
    await admin.database.query('delete from former_places');
    expect((await apply('moved', [mirror])).changes).toHaveLength(1);
  });

  it('Export decision 10: cannot give two exports one root, whatever its case and bucket', () => {
    const other = { ...series, name: 'bb', bucket: 'other', filenameRoot: 'AA' };
    expect(() => message({ signingKeys: [signingKey], exports: [series, other] })).toThrow(
      expect.objectContaining({ details: [expect.stringMatching(/^exports\[1\]\.filenameRoot: /)] }),
    );
  });

  it('cannot delete an export that has files', async () => {
    await using admin = await startAdmin();
    await admin.client.apply({ configuration: message({ signingKeys: [signingKey], exports: [series] }) });
    await insertFile(admin.database, 'listed');
    expect(await faultsOf(admin.client.apply({ configuration: {}, prune: true }))).toEqual(['exports']);

    await admin.database.query(`update files set status = 'deleted'`);
    expect((await admin.client.apply({ configuration: {}, prune: true })).changes).toHaveLength(2);
  });

  it('never goes back on a signing key that has versions', async () => {
    await using admin = await startAdmin();
    await admin.client.apply({ configuration: message({ signingKeys: [signingKey] }) });
    await admin.database.query(
      `insert into signing_key_versions
       select id, 'v' || n, n::text, 'pem', now(), case n when 1 then timestamptz '2026-06-01' end
         from signing_keys, generate_series(1, 2) as n`,
    );
    const changed = message({ signingKeys: [{ ...signingKey, keyVersion: 'v9', keyId: '311' }] });
    expect(await faultsOf(admin.client.apply({ configuration: changed }))).toEqual([
      'signingKeys[0].keyId',
      'signingKeys[0].keyVersion',
    ]);
    await admin.client.apply({ configuration: message({ signingKeys: [{ ...signingKey, thru: '2027-01-01' }] }) });
    const { rows } = await admin.database.query<{ valid_thru: Date }>(
      'select valid_thru from signing_key_versions order by key_version',
    );
    expect(rows.map(({ valid_thru }) => valid_thru.toISOString())).toEqual([
      '2026-06-01T00:00:00.000Z',
      '2027-01-01T00:00:00.000Z',
    ]);
  });
});

describe('the configuration file at the start', () => {
  const wanted = parseConfiguration(sampleDocument());
  const other = parseConfiguration({ apps: [{ ...app, regions: ['BB'] }] });

  it('is applied to an installation without configuration', async () => {
    await using admin = await startAdmin();
    await applyAtStart(admin.deps, wanted, { always: false });
    expect(await readConfiguration(admin.database)).toEqual(wanted);
  });

  it('is not applied over the configuration in force, but in development', async () => {
    await using admin = await startAdmin();
    await applyAtStart(admin.deps, wanted, { always: false });
    await applyAtStart(admin.deps, other, { always: false });
    expect((await readConfiguration(admin.database)).apps[0]?.regions).toEqual(['AA']);
    await applyAtStart(admin.deps, other, { always: true });
    expect((await readConfiguration(admin.database)).apps[0]?.regions).toEqual(['BB']);
  });
});

async function insertFile(database: Database, status: string): Promise<void> {
  await database.query(
    `with batch as (
       insert into batches (export_id, window_start, window_end, status, bucket, filename_root, output_region,
                            input_regions, exclude_regions, include_travelers, only_non_travelers, max_records)
       select id, now() - interval '4 hours', now(), 'complete', bucket, filename_root, output_region,
              input_regions, exclude_regions, include_travelers, only_non_travelers, 1000
         from exports returning id, export_id
     )
     insert into files (batch_id, export_id, number, bucket, name, status, start_timestamp, end_timestamp,
                        has_keys, has_revised_keys, signers)
     select id, export_id, 1, 'exports', 'aa/1-2-00001.zip', $1, now() - interval '4 hours', now(), true, false, '[]'
       from batch`,
    [status],
  );
}
