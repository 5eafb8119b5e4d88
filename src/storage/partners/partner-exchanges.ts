/** Exchanges with partners that we drive, each under a lease: of any number of processes one has it in hand. */
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';

/** We read from the partner, or bring to it. */
export type Direction = 'pull' | 'push';

/** Which exchange. */
export interface ExchangeName {
  readonly partnerId: number;
  readonly direction: Direction;
}

/** Who has one in hand. */
export interface ExchangeHolder extends ExchangeName {
  /** A UUID of the holder's own. */
  readonly owner: string;
}

/** Lease and back-off against the clock. */
export interface ExchangeTerms {
  readonly clock: Clock;
  readonly leaseSeconds: number;
  /** Take it even though it is not its time. */
  readonly ignoreBackOff: boolean;
}

/** An exchange in hand, as the last one left it. */
export interface LeasedExchange {
  /** Where to go on; null = from the beginning. */
  readonly cursor: Buffer | null;
  /** Of the rule that the cursor belongs to. */
  readonly ruleHash: Buffer | null;
  /** Runs that failed one after another. */
  readonly failures: number;
}

/** Takes the exchange if nobody else has it: of any number of processes exactly one gets it, the others null. */
export async function leaseExchange(
  database: Queryable,
  { partnerId, direction, owner }: ExchangeHolder,
  { clock, leaseSeconds, ignoreBackOff }: ExchangeTerms,
): Promise<LeasedExchange | null> {
  const { rows } = await database.query<LeasedExchange>(
    `insert into partner_exchanges as x (partner_id, direction, lease_owner, lease_expires)
     select p.id, $3, $4, coalesce($1::timestamptz, clock_timestamp()) + make_interval(secs => $5)
       from partners p where p.id = $2
     on conflict (partner_id, direction) do update
       set lease_owner = excluded.lease_owner, lease_expires = excluded.lease_expires
       where (x.lease_owner is null or x.lease_expires < coalesce($1::timestamptz, clock_timestamp()))
         and ($6::boolean or x.not_before is null or x.not_before <= coalesce($1::timestamptz, clock_timestamp()))
     returning x.cursor, x.rule_hash as "ruleHash", x.failures`,
    [clock.forDatabase(), partnerId, direction, owner, leaseSeconds, ignoreBackOff],
  );
  return rows[0] ?? null;
}

/** Makes the lease last from now on again. @returns false when it is no longer ours */
export async function renewExchange(
  database: Queryable,
  { partnerId, direction, owner }: ExchangeHolder,
  { clock, leaseSeconds }: Omit<ExchangeTerms, 'ignoreBackOff'>,
): Promise<boolean> {
  const { rowCount } = await database.query(
    `update partner_exchanges
        set lease_expires = coalesce($4::timestamptz, clock_timestamp()) + make_interval(secs => $5)
      where partner_id = $1 and direction = $2 and lease_owner = $3`,
    [partnerId, direction, owner, clock.forDatabase(), leaseSeconds],
  );
  return rowCount === 1;
}

/** How far an exchange has come. */
export interface ExchangeStep {
  readonly cursor: Buffer | null;
  readonly ruleHash: Buffer;
  /** Everything of windows that began before has crossed; null = not all yet: under the same rule what it was stays. */
  readonly caughtUpThrough: Date | null;
  /** Keys that wait, as far as is known. */
  readonly pendingKeys: number;
  /** Keys that crossed with this step, refused ones too. */
  readonly keys: number;
  /** Of these, refused. */
  readonly refusedKeys: number;
}

/**
 * Moves the cursor and counts. Within a transaction the row stays locked until its end, so that nobody takes the exchange
 * before.
 * @returns false when the exchange is no longer ours: then nothing may be stored
 */
export async function advanceExchange(
  client: Queryable,
  { partnerId, direction, owner }: ExchangeHolder,
  step: ExchangeStep,
): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'advance_exchange',
    text: `
      update partner_exchanges
         set cursor = $4, rule_hash = $5, pending_keys = $7, keys = keys + $8, refused_keys = refused_keys + $9,
             -- What had crossed under another rule says nothing of this one.
             caught_up_through = coalesce($6::timestamptz, case when rule_hash = $5 then caught_up_through end)
       where partner_id = $1 and direction = $2 and lease_owner = $3`,
    values: [
      partnerId,
      direction,
      owner,
      step.cursor,
      step.ruleHash,
      step.caughtUpThrough,
      step.pendingKeys,
      step.keys,
      step.refusedKeys,
    ],
  });
  return rowCount === 1;
}

/** How a run ended: well, as a failure, or for a reason that is nobody's fault, which leaves everything as it was. */
export type ExchangeEnd =
  | { readonly outcome: 'done'; readonly nextSeconds: number }
  | { readonly outcome: 'failed'; readonly retrySeconds: number; readonly code: string; readonly message: string }
  | { readonly outcome: 'interrupted' };

/** Lets others take the exchange. Nothing happens when it is no longer ours. */
export async function giveBackExchange(
  database: Queryable,
  { partnerId, direction, owner }: ExchangeHolder,
  { clock, end }: { readonly clock: Clock; readonly end: ExchangeEnd },
): Promise<void> {
  await database.query(
    `update partner_exchanges
        set lease_owner = null, lease_expires = null,
            not_before = case when $5::float8 is null then not_before
                              else coalesce($4::timestamptz, clock_timestamp()) + make_interval(secs => $5) end,
            succeeded_at = case when $6 = 'done' then coalesce($4::timestamptz, clock_timestamp()) else succeeded_at end,
            failures = case $6 when 'done' then 0 when 'failed' then failures + 1 else failures end,
            error_code = case when $6 = 'interrupted' then error_code else $7 end,
            last_error = case when $6 = 'interrupted' then last_error else $8 end
      where partner_id = $1 and direction = $2 and lease_owner = $3`,
    [partnerId, direction, owner, clock.forDatabase(), pause(end), end.outcome, ...fault(end)],
  );
}

function pause(end: ExchangeEnd): number | null {
  if (end.outcome === 'interrupted') return null;
  return end.outcome === 'done' ? end.nextSeconds : end.retrySeconds;
}

function fault(end: ExchangeEnd): [code: string | null, message: string | null] {
  return end.outcome === 'failed' ? [end.code, end.message] : [null, null];
}

/** Where an exchange stands. */
export interface ExchangeState extends ExchangeName {
  readonly cursor: Buffer | null;
  readonly ruleHash: Buffer | null;
  readonly caughtUpThrough: Date | null;
  readonly pendingKeys: number;
  /** Over all runs. */
  readonly keys: number;
  readonly refusedKeys: number;
  readonly succeededAt: Date | null;
  readonly failures: number;
  /** Not tried before. */
  readonly notBefore: Date | null;
  readonly errorCode: string | null;
  readonly lastError: string | null;
  /** Somebody has it in hand. */
  readonly isRunning: boolean;
  /** Nobody has it in hand, and its time has come. */
  readonly isFree: boolean;
}

interface StateRow extends Omit<ExchangeState, 'partnerId' | 'pendingKeys' | 'keys' | 'refusedKeys'> {
  readonly partner_id: number;
  readonly pending_keys: string;
  readonly sent_keys: string;
  readonly refused_keys: string;
}

/** Every exchange that was ever begun. */
export async function exchangeStates(database: Queryable, clock: Clock): Promise<readonly ExchangeState[]> {
  const { rows } = await database.query<StateRow>(
    `with x as (
       select *, coalesce(lease_expires >= coalesce($1::timestamptz, clock_timestamp()), false) as is_running,
              not_before is null or not_before <= coalesce($1::timestamptz, clock_timestamp()) as is_time
         from partner_exchanges)
     select partner_id, direction, cursor, rule_hash as "ruleHash", caught_up_through as "caughtUpThrough", pending_keys,
            keys as sent_keys, refused_keys, succeeded_at as "succeededAt", failures, not_before as "notBefore",
            error_code as "errorCode", last_error as "lastError", is_running as "isRunning",
            is_time and not is_running as "isFree"
       from x order by partner_id, direction`,
    [clock.forDatabase()],
  );
  return rows.map(({ partner_id, pending_keys, sent_keys, refused_keys, ...state }) => ({
    ...state,
    partnerId: partner_id,
    pendingKeys: Number(pending_keys),
    keys: Number(sent_keys),
    refusedKeys: Number(refused_keys),
  }));
}
