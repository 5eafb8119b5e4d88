/** What a publish is answered, the first time and again. */
import { startOfInterval } from '../../domain/publish/interval.ts';
import { nextTokenEntries, type RevisableKey, type SentToken } from '../../domain/publish/revision.ts';
import { transform, type Transformed } from '../../domain/publish/transform.ts';
import { earliestEnd } from '../../domain/publish/validate-key.ts';
import type { EarlierAnswer } from '../../storage/exposures/receipts.ts';
import type { VerifiedCertificate } from './certificate.ts';
import type { PublishAnswer, PublishCommand } from './command.ts';
import { decodeTokens } from './receipt.ts';
import { sealRevisionToken, type RevisionKey } from './revision-token.ts';
import type { PublishSettings } from './settings.ts';

/** What an answer needs to know of a publish. */
export interface Answerable {
  readonly command: PublishCommand;
  readonly now: Date;
  /** Undefined where the app needs none and sent none that holds. */
  readonly certificate: VerifiedCertificate | undefined;
  readonly token: SentToken;
  /** Seals the answer's token: had before anything is stored. */
  readonly sealingKey: RevisionKey;
}

/** What came of it. */
type Result = Pick<Transformed, 'warnings' | 'faults'> & {
  readonly inserted: number;
  readonly revised: number;
  /** What the holder may revise from now on. */
  readonly listed: readonly RevisableKey[];
};

/** Says what was stored now. */
export function answer(publish: Answerable, result: Result, settings: PublishSettings): PublishAnswer {
  return { ...sealed(publish, result, settings), isRepeated: false };
}

/** Says what was said the first time, of keys as they were then, with a fresh token. */
export function answerAgain(publish: Answerable, earlier: EarlierAnswer, settings: PublishSettings): PublishAnswer {
  const { command, certificate } = publish;
  const then = transform(command, { claims: certificate, settings, now: startOfInterval(earlier.interval) });
  const listed = decodeTokens(earlier, certificate?.keyOrder ?? [], then.keys);
  const result = { ...then, inserted: earlier.inserted, revised: 0, listed };
  return { ...sealed(publish, result, settings), isRepeated: true };
}

function sealed(publish: Answerable, { listed, ...result }: Result, settings: PublishSettings) {
  const { inserted, revised, warnings, faults } = result;
  const entries = nextTokenEntries(publish.token, listed, earliestEnd(settings, publish.now));
  const revisionToken =
    entries.length === 0
      ? ''
      : sealRevisionToken(entries, publish.sealingKey, {
          aad: settings.revisionTokenAad,
          minLength: settings.revisionTokenMinLength,
        });
  return { revisionToken, inserted, revised, warnings, faults };
}
