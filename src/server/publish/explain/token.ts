/** The steps of the revision token: whether one can be made, and what the one that was sent lists. */
import { decodeLenientBase64 } from '../../../domain/publish/base64.ts';
import type { SentToken } from '../../../domain/publish/revision.ts';
import type { Database } from '../../../storage/database.ts';
import { listRevisionKeys } from '../../../storage/exposures/revision-keys.ts';
import type { PublishCommand } from '../command.ts';
import { readToken } from '../publish-keys.ts';
import type { RevisionKeys } from '../revision-keys.ts';
import { parseRevisionToken } from '../revision-token.ts';
import type { PublishSettings } from '../settings.ts';
import { check, type Steps } from './steps.ts';
import { tellCount, tellInterval } from './tell.ts';

/** What tokens are opened with. */
export interface TokenContext {
  readonly database: Database;
  readonly revisionKeys: RevisionKeys;
  readonly settings: PublishSettings;
}

/** Opens the token as a publish does. */
export async function explainToken(command: PublishCommand, context: TokenContext, steps: Steps): Promise<SentToken> {
  const { revisionToken } = command;
  // Looking for a key makes one where there is none, and an explanation writes nothing.
  if ((await listRevisionKeys(context.database)).length === 0) {
    steps.warned('data key of tokens', 'there is none yet; the first publish makes it');
    return revisionToken === '' ? 'missing' : tellToken('unreadable', command, steps);
  }
  const newest = await check(() => context.revisionKeys.newest());
  steps.report('data key of tokens', newest, {
    passed: [`number ${newest.value?.kid ?? ''}`],
    refused: ['the key manager does not answer, or no key can be unwrapped: `enmesh doctor` names which'],
  });
  const read = await check(() => readToken(revisionToken, context));
  if (read.refusal) {
    steps.refused('revision token', read.refusal);
    return 'unreadable';
  }
  return tellToken(read.value, command, steps);
}

function tellToken(token: SentToken, { revisionToken }: PublishCommand, steps: Steps): SentToken {
  if (token === 'missing') steps.passed('revision token', 'none was sent: every key must be new');
  else if (token === 'unreadable') steps.warned('revision token', ...unreadable(revisionToken));
  else steps.passed('revision token', `it lists ${tellCount(token.length, 'key')}`, ...token.map(tellEntry));
  return token;
}

function tellEntry({ key, intervalStart, intervalCount }: Exclude<SentToken, string>[number]): string {
  return `${key.toString('base64')} from ${tellInterval(intervalStart)} for ${String(intervalCount)} intervals`;
}

/** It matters only when a key is known. */
function unreadable(revisionToken: string): string[] {
  const { fault } = decodeLenientBase64(revisionToken);
  const sealed = parseRevisionToken(revisionToken);
  if (fault !== undefined) return [`it is no base64: ${fault}`];
  if (sealed === undefined) return ['it is no revision token, or its end is missing'];
  return [
    `it names the data key ${JSON.stringify(sealed.kid)}, and cannot be opened`,
    'it is of another installation, was changed on the way, or its data key was deleted after its time',
  ];
}
