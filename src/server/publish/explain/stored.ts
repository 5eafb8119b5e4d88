/** The last steps: what is stored of the keys already, and what the publish would write. */
import { AppError } from '../../../domain/errors.ts';
import type { ReportType } from '../../../domain/publish/report-type.ts';
import type { KeptKey } from '../../../domain/publish/request.ts';
import {
  planRevisions,
  type KnownKey,
  type RevisionFacts,
  type RevisionPolicy,
  type SentToken,
} from '../../../domain/publish/revision.ts';
import type { Database } from '../../../storage/database.ts';
import { findKnown } from '../../../storage/exposures/exposures.ts';
import type { Steps } from './steps.ts';
import { tellCount, tellInterval } from './tell.ts';

/** What is decided by. */
export interface StoredContext {
  readonly database: Database;
  readonly keys: readonly KeptKey[];
  readonly warnings: readonly string[];
  readonly token: SentToken;
  readonly reportType: ReportType;
  readonly policy: RevisionPolicy;
}

/** How many rows would be written. */
export interface Written {
  readonly inserted: number;
  readonly revised: number;
}

/** Reads what is known of the keys and decides as a publish does. */
export async function explainStored(context: StoredContext, steps: Steps): Promise<Written> {
  const { database, keys: sent, token, reportType, policy, warnings } = context;
  if (sent.length === 0) {
    steps.skipped('stored keys', 'no key is left to be stored');
    return { inserted: 0, revised: 0 };
  }
  const { keys: known } = await findKnown(database, { receipt: null }, sent);
  const facts: RevisionFacts = { sent, known, token, reportType, policy };
  const lines = known.flatMap((key) => tellKnown(key, facts));
  const plan = planRevisions(facts);
  if (plan.refusal) {
    const { code, message } = plan.refusal;
    steps.refused(
      'stored keys',
      new AppError('invalid', code, message, { details: warnings }),
      ...lines,
      ...cureOf(code),
    );
    return { inserted: 0, revised: 0 };
  }
  const { added, revised } = plan;
  const isSilent = added.length === 0 && known.length === 0;
  steps.passed(
    'stored keys',
    ...lines,
    `${tellCount(added.length, 'key')} would be new, ${String(revised.length)} revised, ${String(known.length - revised.length)} left as they are`,
    ...(isSilent ? ['a key whose first report is negative is not stored'] : []),
  );
  return { inserted: added.length, revised: revised.length };
}

/** What is stored of one key, and the decision for it alone. */
function tellKnown(known: KnownKey, facts: RevisionFacts): string[] {
  const sent = facts.sent.find(({ key }) => key.equals(known.key));
  if (!sent) return [];
  const plan = planRevisions({ ...facts, sent: [sent], known: [known] });
  const decision = plan.refusal ? plan.refusal.message : plan.revised.length > 0 ? 'is revised' : 'stays as it is';
  if (known.isWithdrawn) return [`key ${String(sent.index)} was withdrawn, or deleted for its age: ${decision}`];
  const { reportType, revisedReportType, isLocal } = known;
  const history = revisedReportType === null ? reportType : `${reportType}, revised to ${revisedReportType}`;
  const origin = isLocal ? '' : ', from a partner or an import';
  const place = `from ${tellInterval(known.intervalStart)} for ${String(known.intervalCount)} intervals`;
  return [`key ${String(sent.index)} is known ${place}, ${history}${origin}: ${decision}`];
}

function cureOf(code: string): string[] {
  switch (code) {
    case 'missing_revision_token':
      return ['send the revisionToken of the last answer for these keys, or leave them out'];
    case 'invalid_revision_token':
      return ['the token must be ours and list each known key with its start and period as stored'];
    case 'key_already_revised':
      return ['a key can be revised once, and a withdrawn one never; leave it out'];
    default:
      return ['likely and user-report may become confirmed or negative, user-report also likely; all else stays'];
  }
}
