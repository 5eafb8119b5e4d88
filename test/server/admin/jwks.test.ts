/** Keys that came from a JWKS are no part of the configuration: apply neither shows nor deletes them, unless their JWKS goes. */
import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import { openJobQueue } from '../../../src/platform/jobs.ts';
import { applyConfiguration } from '../../../src/server/admin/apply-configuration.ts';
import type { Database } from '../../../src/storage/database.ts';
import { message, startAdmin, type AdminFixture } from '../../support/admin.ts';
import { makePublicKeyPem, members } from '../../support/configuration.ts';

const jwksUri = 'https://verify.example.org/jwks.json';
const authority = { ...members.healthAuthority, jwksUri };

async function apply(admin: AdminFixture, healthAuthority: object): Promise<number> {
  const configuration = message({ healthAuthorities: [healthAuthority] });
  return (await admin.client.apply({ configuration, prune: true })).changes.length;
}

async function insertJwksKey(database: Database, version: string): Promise<void> {
  await database.query(
    `insert into health_authority_keys (health_authority_id, version, public_key_pem, valid_from, from_jwks)
     select id, $1, $2, now(), true from health_authorities`,
    [version, makePublicKeyPem()],
  );
  await database.query(`update health_authorities set jwks_read_at = now(), jwks_failing_since = now()`);
}

/** Versions, those from the JWKS in brackets. */
async function versions(database: Database): Promise<string[]> {
  const { rows } = await database.query<{ version: string; from_jwks: boolean }>(
    'select version, from_jwks from health_authority_keys order by version',
  );
  return rows.map(({ version, from_jwks: isFromJwks }) => (isFromJwks ? `[${version}]` : version));
}

describe('apply and keys from a JWKS', () => {
  it('leaves them alone, and neither plan nor Get shows them', async () => {
    await using admin = await startAdmin();
    await apply(admin, authority);
    await insertJwksKey(admin.database, 'j1');
    const configuration = message({ healthAuthorities: [authority] });
    expect((await admin.client.plan({ configuration, prune: true })).changes).toEqual([]);
    expect((await admin.client.get({})).configuration?.healthAuthorities[0]?.keys).toHaveLength(1);
    expect(await apply(admin, { ...authority, name: 'Other', keys: [] })).toBe(1);
    expect(await versions(admin.database)).toEqual(['[j1]']);
  });

  it('takes one over that is entered by hand', async () => {
    await using admin = await startAdmin();
    await apply(admin, authority);
    await insertJwksKey(admin.database, 'j1');
    const byHand = { version: 'j1', publicKeyPem: makePublicKeyPem() };
    await apply(admin, { ...authority, keys: [byHand] });
    expect(await versions(admin.database)).toEqual(['j1']);
  });

  it('ends them with their JWKS', async () => {
    await using admin = await startAdmin();
    await apply(admin, authority);
    await insertJwksKey(admin.database, 'j1');
    await apply(admin, { ...authority, jwksUri: null });
    expect(await versions(admin.database)).toEqual(['v1']);
  });

  it('keeps them while their JWKS moves, and forgets how the old place was read', async () => {
    await using admin = await startAdmin();
    await apply(admin, authority);
    await insertJwksKey(admin.database, 'j1');
    await apply(admin, { ...authority, name: 'Other' });
    const state =
      'select jwks_read_at is null as unread, jwks_failing_since is null as unfailed from health_authorities';
    expect((await admin.database.query(state)).rows).toEqual([{ unread: false, unfailed: false }]);
    await apply(admin, { ...authority, jwksUri: 'https://verify.example.org/moved.json' });
    expect(await versions(admin.database)).toEqual(['[j1]', 'v1']);
    expect((await admin.database.query(state)).rows).toEqual([{ unread: true, unfailed: true }]);
  });

  it('has a new JWKS read at once, and no other', async () => {
    await using admin = await startAdmin();
    const jobQueue = await openJobQueue(admin.url);
    const deps = { ...admin.deps, jobQueue };
    const wanted = parseConfiguration({ healthAuthorities: [authority, { ...authority, issuer: 'b', jwksUri: null }] });
    const options = { prune: false, actor: 'local' };
    await applyConfiguration(deps, wanted, { ...options, dryRun: true });
    expect(await jobQueue.list()).toEqual([]);
    await applyConfiguration(deps, wanted, { ...options, dryRun: false });
    await applyConfiguration(deps, wanted, { ...options, dryRun: false });
    expect(await jobQueue.list()).toMatchObject([{ job: 'jwks.refresh' }]);
    await jobQueue.stop();
  });
});
