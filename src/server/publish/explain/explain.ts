/** Goes through a publish step by step, with the publish's own rules, and writes nothing. */
import { httpStatus } from '../../../domain/http-status.ts';
import { DecodeFailure, type PublishBody } from '../../../domain/publish-body/decode.ts';
import { multiErrorText } from '../../../domain/publish/multi-error.ts';
import type { Transformed } from '../../../domain/publish/transform.ts';
import { findEarlierAnswer, type EarlierAnswer } from '../../../storage/exposures/receipts.ts';
import { AuthorityCache, type App } from '../authority-cache.ts';
import type { PublishCommand } from '../command.ts';
import { appOf, type PublishKeysDeps } from '../publish-keys.ts';
import { receiptOf } from '../receipt.ts';
import { regionsOf } from '../regions.ts';
import { explainAttestation, type AttestationContext } from './attestation.ts';
import { explainBody, type ApiVersion } from './body.ts';
import { explainCertificate } from './certificate.ts';
import { explainKeys } from './keys.ts';
import { check, Steps, type Step } from './steps.ts';
import { explainStored, type Written } from './stored.ts';
import { explainToken } from './token.ts';

/** What an explanation depends on. */
export type ExplainDeps = Pick<PublishKeysDeps, 'database' | 'clock' | 'revisionKeys' | 'settings' | 'receiptSecret'> &
  Pick<AttestationContext, 'readSecret'>;

/** A publish as it came. */
export interface SentPublish {
  readonly body: Buffer;
  readonly version: ApiVersion;
  /** As if it had come then. */
  readonly now: Date;
  /** Body → command: the conversions of gateway and server. */
  readonly commandOf: (body: PublishBody) => PublishCommand;
}

/** What the phone gets, and why. */
export interface Explanation {
  readonly steps: readonly Step[];
  readonly answer: ExplainedAnswer;
}

/** What a publish would be answered. */
export interface ExplainedAnswer extends Written {
  /** Of HTTP. */
  readonly status: number;
  readonly code: string;
  readonly error: string;
  readonly warnings: readonly string[];
  readonly isRepeated: boolean;
}

/**
 * Explains a publish.
 * @throws AppError unavailable when the database does not answer
 */
export async function explainPublish(sent: SentPublish, deps: ExplainDeps): Promise<Explanation> {
  const steps = new Steps();
  const body = explainBody(sent.body, sent.version, steps);
  if (body instanceof DecodeFailure) {
    return { steps: steps.all, answer: { ...refusalOf(steps), status: body.status } };
  }
  const outcome = await explainCommand(sent.commandOf(body), { now: sent.now, deps }, steps);
  return { steps: steps.all, answer: steps.end ? refusalOf(steps) : answerOf(outcome) };
}

interface CommandContext {
  readonly now: Date;
  readonly deps: ExplainDeps;
}

interface CommandOutcome {
  readonly earlier: EarlierAnswer | undefined;
  readonly transformed: Transformed;
  readonly written: Written;
}

async function explainCommand(
  command: PublishCommand,
  { now, deps }: CommandContext,
  steps: Steps,
): Promise<CommandOutcome> {
  const { database, settings } = deps;
  // Of its own: what the installation remembers for seconds may not be what it knows.
  const authorities = new AuthorityCache(database, { clock: deps.clock, seconds: settings.authorityCacheSeconds });
  const app = await explainApp(command, authorities, steps);
  const facts = { command, app, authorities, settings, now };
  const { verified, claims } = await explainCertificate(facts, steps);
  const receipt = verified && receiptOf(command, verified, deps.receiptSecret);
  const earlier = receipt && (await findEarlierAnswer(database, receipt));
  const isRepeated = earlier !== undefined;
  await explainAttestation(command, { app, isRepeated, now, settings, readSecret: deps.readSecret }, steps);
  const token = await explainToken(command, deps, steps);
  const transformed = explainKeys(command, { claims, settings, now, isRepeated }, steps);
  if (isRepeated) {
    steps.passed('repetition', 'the same request was answered before: the same answer again, and nothing is written');
    return { earlier, transformed, written: { inserted: earlier.inserted, revised: 0 } };
  }
  const policy = { requiresToken: app?.bypassesRevisionToken !== true, allowsPartial: settings.allowPartialRevisions };
  const reportType = claims?.reportType ?? 'none';
  const written = await explainStored({ database, ...transformed, token, reportType, policy }, steps);
  return { earlier, transformed, written };
}

async function explainApp(
  command: PublishCommand,
  authorities: AuthorityCache,
  steps: Steps,
): Promise<App | undefined> {
  const app = await check(() => appOf(command, { authorities }));
  if (!app.value) {
    steps.report('app', app, { refused: ["healthAuthorityID must be an app's id under apps; case does not count"] });
    steps.skipped('regions', 'the app is unknown');
    return undefined;
  }
  const found = app.value;
  steps.passed('app', found.appId, ...switchesOf(found));
  const regions = await check(() => regionsOf(command, found));
  steps.report('regions', regions, {
    passed: [regions.value?.join(', ') ?? ''],
    refused: [`the app may write to: ${found.regions.length === 0 ? 'none' : found.regions.join(', ')}`],
  });
  return found;
}

function switchesOf({ bypassesCertificate, bypassesRevisionToken }: App): string[] {
  return [
    ...(bypassesCertificate ? ['it needs no certificate (bypassCertificate)'] : []),
    ...(bypassesRevisionToken ? ['it needs no revision tokens (bypassRevisionToken)'] : []),
  ];
}

function refusalOf({ end }: Steps): ExplainedAnswer {
  const { kind, code, message, details } = end!;
  const isOurs = kind === 'unavailable' || kind === 'timeout';
  return {
    status: isOurs ? httpStatus.unavailable : httpStatus[kind],
    code: isOurs ? 'unavailable' : code,
    error: message,
    warnings: details,
    inserted: 0,
    revised: 0,
    isRepeated: false,
  };
}

function answerOf({ earlier, transformed, written }: CommandOutcome): ExplainedAnswer {
  const { faults, warnings } = transformed;
  const isPartial = faults.length > 0;
  return {
    status: 200,
    code: isPartial ? 'partial_failure' : '',
    error: isPartial ? multiErrorText(faults) : '',
    warnings,
    ...written,
    isRepeated: earlier !== undefined,
  };
}
