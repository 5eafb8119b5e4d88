/** Makes changes of keys that are stored and locked, in the order in which they came. */
import { judgeChange, type StoredKey } from '../../domain/federation/judge-change.ts';
import type { SoundKey, WithdrawnKey } from '../../domain/federation/judge-key.ts';
import { unknownKey, type Verdict } from '../../domain/federation/verdict.ts';
import type { Queryable } from '../../storage/database.ts';
import { nameOf, readStoredKeys, reviseFederatedKeys } from '../../storage/partners/federated-keys.ts';
import { tombstonedKeys } from '../../storage/exposures/tombstones.ts';
import { withdrawKeys } from '../../storage/exposures/withdrawals.ts';

/** Whose changes, and when they count. */
export interface ChangeTerms {
  readonly partnerId: number;
  /** Otherwise the partner says `revoked` of a key that it withdraws, also where no revision may say so. */
  readonly hasWithdrawals: boolean;
  /** That the transaction is in. */
  readonly window: Date;
  readonly maxIntervalAgeSeconds: number;
}

type Change = SoundKey | WithdrawnKey;

/** A revision or withdrawal for each key at most, and a verdict for each change. */
interface Plan {
  readonly verdicts: readonly Verdict[];
  readonly revised: readonly SoundKey[];
  readonly withdrawn: readonly Buffer[];
}

/** @returns one verdict for each change, in their order */
export async function applyChanges(
  client: Queryable,
  terms: ChangeTerms,
  changes: readonly Change[],
): Promise<readonly Verdict[]> {
  if (changes.length === 0) return [];
  const stored = await readStoredKeys(
    client,
    changes.map(({ key }) => key),
  );
  const { verdicts, revised, withdrawn } = plan(changes, stored, terms);
  await reviseFederatedKeys(client, { ...terms, keys: revised });
  await withdrawKeys(client, { ...terms, keys: withdrawn });
  return await withTombstones(client, changes, verdicts);
}

function plan(changes: readonly Change[], keys: readonly StoredKey[], terms: ChangeTerms): Plan {
  const stored = new Map(keys.map((key) => [nameOf(key.key), key]));
  const revised: SoundKey[] = [];
  const withdrawn: Buffer[] = [];
  const verdicts = changes.map((change): Verdict => {
    const name = nameOf(change.key);
    const known = stored.get(name);
    const judgement = judge(change, known, terms);
    if (known === undefined || (judgement !== 'revise' && judgement !== 'withdraw')) return judgement as Verdict;
    if (judgement === 'withdraw') {
      withdrawn.push(change.key);
      stored.set(name, { ...known, isWithdrawn: true });
    } else if (change.event !== 'withdrawn') {
      revised.push(change);
      stored.set(name, { ...known, revisedReportType: change.reportType });
    }
    return 'changed';
  });
  return { verdicts, revised, withdrawn };
}

function judge(change: Change, known: StoredKey | undefined, { partnerId, hasWithdrawals }: ChangeTerms) {
  const judgement = judgeChange(change, known, partnerId);
  const isRevoked = change.event === 'revised' && change.reportType === 'negative';
  return judgement === 'revision' && isRevoked && !hasWithdrawals ? 'withdraw' : judgement;
}

/** A key that is gone for good is withdrawn already; nothing else can happen to it. */
async function withTombstones(
  client: Queryable,
  changes: readonly Change[],
  verdicts: readonly Verdict[],
): Promise<readonly Verdict[]> {
  const unknown = changes.filter((_, index) => verdicts[index] === unknownKey);
  const gone = await tombstonedKeys(
    client,
    unknown.map(({ key }) => key),
  );
  return verdicts.map((verdict, index) => {
    const { key, event } = changes[index]!;
    if (verdict !== unknownKey || !gone.has(nameOf(key))) return verdict;
    return event === 'withdrawn' ? 'known' : 'withdrawn';
  });
}
