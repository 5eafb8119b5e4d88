/** Judges keys of one partner and writes those that are accepted, within the caller's transaction. */
import type { AuthorityId } from '../../domain/federation/authority-id.ts';
import type { IntakeRule } from '../../domain/federation/intake-rule.ts';
import { createKeyJudge, type Judgement, type SoundKey, type WithdrawnKey } from '../../domain/federation/judge-key.ts';
import type { SentKey } from '../../domain/federation/sent-key.ts';
import { isRefusal, type Refusal, type Verdict } from '../../domain/federation/verdict.ts';
import type { Queryable } from '../../storage/database.ts';
import { nameOf, takeKeysIn, type TakenKeys } from '../../storage/partners/federated-keys.ts';
import {
  updateQuarantine,
  waitingChanges,
  type IntakeDirection,
  type QuarantinedKey,
} from '../../storage/partners/partner-quarantine.ts';
import { applyChanges } from './apply-changes.ts';
import type { IntakeDeps } from './settings.ts';

/** Whose keys they are, which way they came, and what he may send. */
export interface Sender {
  readonly partnerId: number;
  readonly authority: AuthorityId;
  readonly direction: IntakeDirection;
  /** Its protocol can say that a key is withdrawn. */
  readonly hasWithdrawals: boolean;
  readonly rule: IntakeRule;
}

/** Keys of one sender, in the order in which they were sent. */
export interface SentKeys {
  readonly sender: Sender;
  readonly keys: readonly SentKey[];
  /** What they are judged by. */
  readonly now: Date;
}

/** What taking in needs. */
export type TakeInDeps = Pick<IntakeDeps, 'clock' | 'settings' | 'self'>;

/** A published or revised key, or a withdrawal, and where its verdict belongs. */
interface Sound<Key extends SoundKey | WithdrawnKey = SoundKey | WithdrawnKey> {
  readonly index: number;
  readonly key: Key;
}

/**
 * Published keys first, since changes that come before their key wait for it; then what waited for one of them; then the
 * changes, in their order.
 * @returns one verdict for each key, in their order
 */
export async function takeIn(
  client: Queryable,
  deps: TakeInDeps,
  { sender, keys, now }: SentKeys,
): Promise<readonly Verdict[]> {
  const { clock, settings, self } = deps;
  const { partnerId, authority, rule, hasWithdrawals } = sender;
  const judge = createKeyJudge({ rules: settings.rules, now, sender: authority, self, rule });
  const { verdicts, published, changes } = judgeAll(keys, judge);
  if (published.length + changes.length === 0) return verdicts as Verdict[];
  const taken = await takeKeysIn(client, {
    partnerId,
    clock,
    published: firstOfEach(published.map(({ key }) => key)),
    changed: changes.map(({ key }) => key.key),
  });
  tellPublished(taken, published, verdicts);
  const terms = { partnerId, hasWithdrawals, window: taken.window, ...settings.rules };
  if (taken.hasWaiting) await makeWaiting(client, { terms, judge, stored: taken.stored });
  const changed = await applyChanges(
    client,
    terms,
    changes.map(({ key }) => key),
  );
  changes.forEach(({ index }, place) => (verdicts[index] = changed[place]));
  return verdicts as Verdict[];
}

/** Verdicts of those that are refused, and the others. */
interface Judged {
  readonly verdicts: (Verdict | undefined)[];
  readonly published: readonly Sound<SoundKey>[];
  readonly changes: readonly Sound[];
}

function judgeAll(keys: readonly SentKey[], judge: (sent: SentKey) => Judgement): Judged {
  const verdicts: Judged['verdicts'] = keys.map(() => undefined);
  const published: Sound<SoundKey>[] = [];
  const changes: Sound[] = [];
  keys.forEach((sent, index) => {
    const { accepted, refusal } = judge(sent);
    if (accepted === undefined) verdicts[index] = refusal;
    else if (accepted.event === 'published') published.push({ index, key: accepted });
    else changes.push({ index, key: accepted });
  });
  return { verdicts, published, changes };
}

/** Of a key that is published twice the first counts. */
function firstOfEach(keys: readonly SoundKey[]): readonly SoundKey[] {
  return [...new Map(keys.toReversed().map((key) => [nameOf(key.key), key])).values()];
}

function tellPublished(
  { stored, known }: TakenKeys,
  published: readonly Sound<SoundKey>[],
  verdicts: (Verdict | undefined)[],
): void {
  const told = new Set<string>();
  for (const { index, key } of published) {
    const name = nameOf(key.key);
    if (stored.has(name)) verdicts[index] = told.has(name) ? 'known' : 'stored';
    else verdicts[index] = known.has(name) ? 'known' : 'withdrawn';
    told.add(name);
  }
}

/** Makes changes that came before their key, of keys that have just arrived. */
async function makeWaiting(
  client: Queryable,
  {
    terms,
    judge,
    stored,
  }: {
    readonly terms: Parameters<typeof applyChanges>[1];
    readonly judge: (sent: SentKey) => Judgement;
    readonly stored: ReadonlySet<string>;
  },
): Promise<void> {
  if (stored.size === 0) return;
  const arrived = Array.from(stored, (name) => Buffer.from(name, 'latin1'));
  const waiting = await waitingChanges(client, terms.partnerId, arrived);
  const judged = waiting.map((row) => ({ row, ...judge(row.sent) }));
  const sound = judged.flatMap(({ row, accepted }) => (accepted === undefined ? [] : [{ row, key: accepted }]));
  const verdicts = await applyChanges(
    client,
    terms,
    sound.map(({ key }) => key),
  );
  const outcomes = judged.flatMap(({ row, refusal }) => (refusal === undefined ? [] : [[row, refusal] as const]));
  await settle(client, [...outcomes, ...sound.map(({ row }, place) => [row, verdicts[place]!] as const)]);
}

/** Lets keys out of the quarantine that are taken in now, or never can be. */
export async function settle(
  client: Queryable,
  outcomes: readonly (readonly [QuarantinedKey, Verdict])[],
): Promise<void> {
  const released: string[] = [];
  const refused: (readonly [string, Refusal])[] = [];
  for (const [{ id }, verdict] of outcomes) {
    if (isRefusal(verdict) && verdict !== 'withdrawn') refused.push([id, verdict]);
    else released.push(id);
  }
  await updateQuarantine(client, { released, refused });
}
