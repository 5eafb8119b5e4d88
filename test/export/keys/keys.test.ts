/** Signing keys: first versions, rotation with its overlap, and who signs when. */
import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ensureSigningKeys } from '../../../src/export/keys/ensure.ts';
import { readSigningKey, rotateSigningKey } from '../../../src/export/keys/rotate.ts';
import { readPublicKeys } from '../../../src/export/published.ts';
import { activeSigners } from '../../../src/storage/exports/signing-keys.ts';
import {
  insertExport,
  insertKeys,
  NOW,
  openExportRole,
  readPublishedFiles,
  runAll,
} from '../../support/export-role.ts';

const DAY = 86_400;

describe('public keys', () => {
  it('of a signer that the export no longer has stay as long as a file of theirs is there', async () => {
    await using role = await openExportRole();
    const id = await insertExport(role);
    await insertKeys(role.deps.database, { count: 5 });
    await runAll(role);
    await role.deps.database.query('delete from export_signing_keys where export_id = $1', [id]);
    expect(await readPublicKeys(role.deps, 'aa')).toMatchObject([{ keyId: '310', keyVersion: 'v1' }]);
    await role.deps.database.query(`update files set status = 'deleted'`);
    expect(await readPublicKeys(role.deps, 'aa')).toEqual([]);
  });

  it('are not those that another export signs with under the same keyId and keyVersion', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertExport(role, { name: 'other', signingKeys: ['twin'] });
    await insertKeys(role.deps.database, { count: 5 });
    await runAll(role);
    const [own] = await readSigningKey(role.deps.database, 'main');
    expect(await readPublicKeys(role.deps, 'aa')).toEqual([own]);
  });
});

describe('first versions', () => {
  it('are made where that is allowed, once', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await Promise.all(Array.from({ length: 4 }, () => ensureSigningKeys(role.deps, { createMissing: true })));
    const versions = await readSigningKey(role.deps.database, 'main');
    expect(versions).toMatchObject([{ keyId: '310', keyVersion: 'v1', from: NOW, thru: null }]);
    expect(await role.deps.keyManager.signingKeyVersions('export-main')).toHaveLength(1);
  });

  it('are asked for by name, with the cure, where that is not allowed', async () => {
    await using role = await openExportRole();
    await role.deps.database.query(
      `insert into signing_keys (name, key, key_id, first_version) values ('main', 'export-signing', '310', 'v1')`,
    );
    await expect(ensureSigningKeys(role.deps, { createMissing: false })).rejects.toMatchObject({
      kind: 'precondition',
      code: 'signing_key_missing',
      message: expect.stringContaining('enmesh keys create export-signing') as string,
    });
    await role.deps.keyManager.createSigningKey('export-signing');
    const made = await role.deps.keyManager.createSigningKeyVersion('export-signing');
    await ensureSigningKeys(role.deps, { createMissing: false });
    expect(await readSigningKey(role.deps.database, 'main')).toMatchObject([{ publicKeyPem: made.publicKeyPem }]);
  });

  it('end when their key ends', async () => {
    await using role = await openExportRole();
    const thru = new Date(NOW.getTime() + 1000);
    await role.deps.database.query(
      `insert into signing_keys (name, key, key_id, first_version, thru) values ('main', 'export-main', '310', 'v1', $1)`,
      [thru],
    );
    const id = await insertExport(role);
    expect(await readSigningKey(role.deps.database, 'main')).toMatchObject([{ thru }]);
    expect(await activeSigners(role.deps.database, id, role.clock)).toHaveLength(1);
    role.clock.set(thru);
    expect(await activeSigners(role.deps.database, id, role.clock)).toEqual([]);
  });
});

describe('rotation', () => {
  it('of a restored database gives no name again that a version since the backup had, and phones know', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const rotate = async () => await rotateSigningKey(role.deps, 'main', { overlapSeconds: DAY, actor: 'test' });
    role.clock.advance(1000);
    expect((await rotate())[0]).toMatchObject({ keyVersion: 'v2' });
    await role.deps.database.query(`delete from signing_key_versions where key_version = 'v2'`);
    role.clock.advance(1000);
    expect((await rotate())[0]).toMatchObject({ keyVersion: 'v3' });
    role.clock.advance(1000);
    expect((await rotate())[0]).toMatchObject({ keyVersion: 'v4' });
  });

  it('makes both versions sign, the newest first, until the overlap ends', async () => {
    await using role = await openExportRole();
    const id = await insertExport(role);
    role.clock.advance(1000);
    const rotatedAt = role.clock.now();
    await rotateSigningKey(role.deps, 'main', { overlapSeconds: DAY, actor: 'test' });
    const thru = new Date(rotatedAt.getTime() + DAY * 1000);
    expect(await readPublicKeys(role.deps, 'aa')).toMatchObject([
      { keyId: '310', keyVersion: 'v2', from: rotatedAt, thru: null },
      { keyId: '310', keyVersion: 'v1', from: NOW, thru },
    ]);
    await insertKeys(role.deps.database, { count: 3 });
    await runAll(role);
    const [file] = await readPublishedFiles(role);
    expect(file!.content.signatureInfos.map(({ keyVersion }) => keyVersion)).toEqual(['v2', 'v1']);
    for (const key of await readPublicKeys(role.deps, 'aa')) {
      const entry = file!.signatures.signatures.find(({ info }) => info.keyVersion === key.keyVersion);
      expect(verify('sha256', file!.bin, createPublicKey(key.publicKeyPem), entry!.signature)).toBe(true);
    }
    role.clock.set(new Date(thru.getTime() - 1));
    expect(await activeSigners(role.deps.database, id, role.clock)).toHaveLength(2);
    role.clock.set(thru);
    expect((await activeSigners(role.deps.database, id, role.clock)).map(({ keyVersion }) => keyVersion)).toEqual([
      'v2',
    ]);
  });

  it('shows an ended version as long as files that it signed may be listed', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await rotateSigningKey(role.deps, 'main', { overlapSeconds: 0, actor: 'test' });
    role.clock.advance(14 * DAY * 1000 - 1);
    expect(await readPublicKeys(role.deps, 'aa')).toHaveLength(2);
    role.clock.advance(1);
    expect(await readPublicKeys(role.deps, 'aa')).toHaveLength(1);
  });

  it('never lets a version live longer than it had', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await rotateSigningKey(role.deps, 'main', { overlapSeconds: 60, actor: 'test' });
    await rotateSigningKey(role.deps, 'main', { overlapSeconds: DAY, actor: 'test' });
    const versions = await readSigningKey(role.deps.database, 'main');
    expect(versions.map(({ keyVersion }) => keyVersion)).toEqual(['v3', 'v2', 'v1']);
    expect(versions[2]!.thru).toEqual(new Date(NOW.getTime() + 60_000));
  });

  it('of one key waits for another one of it', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await Promise.all([1, 2, 3].map(() => rotateSigningKey(role.deps, 'main', { overlapSeconds: DAY, actor: 'test' })));
    const versions = await readSigningKey(role.deps.database, 'main');
    expect(versions.map(({ keyVersion }) => keyVersion)).toEqual(['v4', 'v3', 'v2', 'v1']);
  });

  it('passes over a version that another signing key of the same export has', async () => {
    await using role = await openExportRole();
    await insertExport(role, { signingKeys: ['main', 'second'] });
    await role.deps.database.query(`update signing_keys set first_version = 'v2' where name = 'second'`);
    await role.deps.database.query(
      `update signing_key_versions v set key_version = 'v2' from signing_keys k where k.id = v.signing_key_id and k.name = 'second'`,
    );
    const [newest] = await rotateSigningKey(role.deps, 'main', { overlapSeconds: DAY, actor: 'test' });
    expect(newest).toMatchObject({ keyVersion: 'v3' });
  });

  it('is refused once the key has ended: no version of it would sign', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const end = async (thru: Date) => {
      await role.deps.database.query('update signing_keys set thru = $1', [thru]);
      return await rotateSigningKey(role.deps, 'main', { overlapSeconds: DAY, actor: 'test' });
    };
    expect(await end(new Date(NOW.getTime() + 1))).toHaveLength(2);
    await expect(end(NOW)).rejects.toMatchObject({ kind: 'precondition', code: 'signing_key_ended' });
    expect(await role.deps.keyManager.signingKeyVersions('export-main')).toHaveLength(2);
  });

  it('is refused for a name that is not there, and before there is a first version', async () => {
    await using role = await openExportRole();
    await expect(rotateSigningKey(role.deps, 'main', { overlapSeconds: DAY, actor: 'test' })).rejects.toMatchObject({
      code: 'signing_key_not_found',
    });
    await role.deps.database.query(
      `insert into signing_keys (name, key, key_id, first_version) values ('main', 'export-main', '310', 'v1')`,
    );
    await expect(rotateSigningKey(role.deps, 'main', { overlapSeconds: DAY, actor: 'test' })).rejects.toMatchObject({
      code: 'signing_key_missing',
    });
  });
});

describe('signers', () => {
  it('are the newest ten', async () => {
    await using role = await openExportRole();
    const id = await insertExport(role);
    for (let rotation = 0; rotation < 10; rotation++) {
      role.clock.advance(1000);
      await rotateSigningKey(role.deps, 'main', { overlapSeconds: DAY, actor: 'test' });
    }
    const signers = await activeSigners(role.deps.database, id, role.clock);
    expect(signers.map(({ keyVersion }) => keyVersion)).toEqual(
      Array.from({ length: 10 }, (_, index) => `v${11 - index}`),
    );
  });

  it('that start later do not sign yet', async () => {
    await using role = await openExportRole();
    const id = await insertExport(role);
    await role.deps.database.query('update signing_key_versions set valid_from = $1', [new Date(NOW.getTime() + 1)]);
    expect(await activeSigners(role.deps.database, id, role.clock)).toEqual([]);
    role.clock.advance(1);
    expect(await activeSigners(role.deps.database, id, role.clock)).toHaveLength(1);
  });
});
