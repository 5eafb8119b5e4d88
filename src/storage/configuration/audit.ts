/** Who changed what: a row for every change of the configuration and of its state. */
import type { Queryable } from '../database.ts';

/** One change. */
export interface AuditEntry {
  /** Who asked for it. */
  readonly actor: string;
  /** Such as `create`. */
  readonly action: string;
  /** Such as `exports/aa`. */
  readonly subject: string;
  /** JSON; no secrets. */
  readonly change: unknown;
  /** When; null = the database's clock. */
  readonly at: Date | null;
}

/** Writes it in the caller's transaction, so that no change is without its row. */
export async function recordAudit(client: Queryable, entry: AuditEntry): Promise<void> {
  await client.query(
    'insert into audit (at, actor, action, subject, change) values (coalesce($1, clock_timestamp()), $2, $3, $4, $5)',
    [entry.at, entry.actor, entry.action, entry.subject, JSON.stringify(entry.change)],
  );
}
