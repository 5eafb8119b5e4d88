/** What `enmesh doctor` reads of a database; nothing is written. */
import type { Queryable } from './database.ts';

/** The server behind a database. */
export interface DatabaseServer {
  /** As PostgreSQL writes it, such as `18.4`. */
  readonly version: string;
  /** Such as 18. */
  readonly major: number;
  readonly now: Date;
}

/** Version and clock of the server. */
export async function inspectServer(db: Queryable): Promise<DatabaseServer> {
  const { rows } = await db.query<{ version: string; number: number; now: Date }>(
    `select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
            clock_timestamp() as now`,
  );
  const [row] = rows;
  return { version: row?.version ?? '', major: Math.floor((row?.number ?? 0) / 10_000), now: row?.now ?? new Date(0) };
}

/** The length of windows in seconds, and the time before which all are closed; undefined = never set up. */
export async function inspectWindows(
  db: Queryable,
): Promise<{ readonly seconds: number; readonly closedThrough: Date } | undefined> {
  const { rows } = await db.query<{ seconds: number; closedThrough: Date }>(
    'select truncate_seconds as seconds, closed_through as "closedThrough" from window_state',
  );
  return rows[0];
}

/** A version of a configured signing key that still signs. */
export interface ConfiguredKeyVersion {
  /** Under `signingKeys`. */
  readonly name: string;
  /** In the key manager. */
  readonly key: string;
  readonly keyVersion: string;
  /** The key manager's name of it; null = none recorded yet. */
  readonly managerVersion: string | null;
}

/** Versions of configured signing keys that have not ended; a key without any version is listed once. */
export async function inspectSigningKeys(db: Queryable): Promise<readonly ConfiguredKeyVersion[]> {
  const { rows } = await db.query<{ name: string; key: string; keyVersion: string; managerVersion: string | null }>(
    `select k.name, k.key, coalesce(v.key_version, k.first_version) as "keyVersion",
            v.manager_version as "managerVersion"
       from signing_keys k
       left join signing_key_versions v on v.signing_key_id = k.id and (v.valid_thru is null or v.valid_thru > clock_timestamp())
      where k.thru is null or k.thru > clock_timestamp()
      order by k.name, v.valid_from desc`,
  );
  return rows;
}

/** Names of the exports that go on and that no signing key signs for now; a key that has no version yet may get one. */
export async function inspectUnsignedExports(db: Queryable): Promise<readonly string[]> {
  const { rows } = await db.query<{ name: string }>(
    `select name from exports e
      where (e.valid_thru is null or e.valid_thru > clock_timestamp())
        and not exists (select from export_signing_keys j
                          join signing_keys k on k.id = j.signing_key_id
                          left join signing_key_versions v on v.signing_key_id = k.id
                         where j.export_id = e.id and (k.thru is null or k.thru > clock_timestamp())
                           and (v.valid_thru is null or v.valid_thru > clock_timestamp()))
      order by name`,
  );
  return rows.map(({ name }) => name);
}

/** Whether anything is configured that the federation role does. */
export async function inspectFederation(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ is_used: boolean }>(
    'select exists (select from imports) or exists (select from partners) as is_used',
  );
  return rows[0]?.is_used === true;
}

/** Buckets of exports that have not ended. */
export async function inspectBuckets(db: Queryable): Promise<readonly string[]> {
  const { rows } = await db.query<{ bucket: string }>(
    `select distinct bucket from exports where valid_thru is null or valid_thru > clock_timestamp() order by bucket`,
  );
  return rows.map((row) => row.bucket);
}
