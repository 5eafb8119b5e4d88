/** Withdrawals by names that have left the configuration: the keys are still here, so their names still find them. */
import { expect, it } from 'vitest';
import type { WithdrawalScope as Scope } from '../../../src/domain/withdrawal/withdrawal.ts';
import { countWithdrawal, withdraw } from '../../../src/server/operations/withdraw.ts';
import { message, startAdmin, type AdminFixture } from '../../support/admin.ts';
import { sampleDocument } from '../../support/configuration.ts';
import { withdrawalOf, withdrawDeps } from '../../support/withdrawal.ts';
import { refusalOf } from '../publish/publisher.ts';

const never = new AbortController().signal;

/** Kind, name, the table and its column with the name, and the column of keys that came by it. */
type Kind = readonly [scope: Scope, name: string, table: string, nameColumn: string, keyColumn: string];

const kinds = [
  ['app', 'org.example.health', 'apps', 'app_id', 'app_id'],
  ['authority', 'https://verify.example.org', 'health_authorities', 'issuer', 'health_authority_id'],
  ['partner', 'bb', 'partners', 'name', 'partner_id'],
  ['import', 'cc', 'imports', 'name', 'import_id'],
] as const satisfies readonly Kind[];

async function configure({ client }: AdminFixture, document: unknown): Promise<void> {
  await client.apply({ configuration: message(document), prune: true });
}

/** A published key of whoever has the name now. */
async function insertKey({ database }: AdminFixture, firstByte: number, kind: Kind): Promise<void> {
  const [, name, table, nameColumn, keyColumn] = kind;
  await database.query(
    `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler,
                            regions, ${keyColumn})
     select $1, date_trunc('hour', clock_timestamp()) - interval '2 hours',
            extract(epoch from clock_timestamp())::bigint / 600 - 200, 144, 2, 1, false, '{AA}', id
       from ${table} where ${nameColumn} = $2`,
    [Buffer.alloc(16, firstByte), name],
  );
}

it.each(kinds)('a withdrawal of %s %s finds its keys also after it left the configuration', async (...kind) => {
  await using admin = await startAdmin();
  const [scope, name] = kind;
  const deps = withdrawDeps(admin.deps);
  const request = withdrawalOf({ scope, name });
  await configure(admin, sampleDocument());
  await insertKey(admin, 1, kind);
  await configure(admin, {});
  expect(await countWithdrawal(deps, request)).toEqual({ withdrawn: 1, deleted: 0 });
  expect(await withdraw(deps, request, never)).toMatchObject({ name, withdrawn: 1, deleted: 0 });
  expect(await countWithdrawal(deps, request)).toEqual({ withdrawn: 0, deleted: 0 });
});

it('a withdrawal of a name that was removed and given again takes the keys of both', async () => {
  await using admin = await startAdmin();
  const [, , partner] = kinds;
  const deps = withdrawDeps(admin.deps);
  for (const firstByte of [1, 2, 3]) {
    await configure(admin, sampleDocument());
    await insertKey(admin, firstByte, partner);
    if (firstByte < 3) await configure(admin, { ...sampleDocument(), partners: [] });
  }
  const request = withdrawalOf({ scope: 'partner', name: 'bb' });
  expect(await countWithdrawal(deps, request)).toEqual({ withdrawn: 3, deleted: 0 });
  expect(await withdraw(deps, request, never)).toMatchObject({ withdrawn: 3, deleted: 0 });
});

it('a withdrawal of a name that never was names those that are, and those that were', async () => {
  await using admin = await startAdmin();
  const deps = withdrawDeps(admin.deps);
  const unknown = () => refusalOf(withdraw(deps, withdrawalOf({ scope: 'partner', name: 'dd' }), never));
  const none = 'none is configured; `enmesh apply` adds some';
  expect(await unknown()).toMatchObject({ code: 'partner_not_found', details: [none] });
  await configure(admin, sampleDocument());
  await configure(admin, {});
  const former = 'no longer configured, but their keys may be here: bb';
  expect(await unknown()).toMatchObject({ code: 'partner_not_found', details: [none, former] });
  await configure(admin, sampleDocument());
  expect(await unknown()).toMatchObject({ details: ['there are bb'] });
});
