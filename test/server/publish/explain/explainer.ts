/** The explanation of a publisher's installation. */
import { decodePublishBody, DecodeFailure } from '../../../../src/domain/publish-body/decode.ts';
import { failureAnswer, storedAnswer, undecodableAnswer } from '../../../../src/gateway/publish/answer.ts';
import { resolveSecret } from '../../../../src/platform/secrets/secrets.ts';
import { explainPublish, type ExplainDeps, type Explanation } from '../../../../src/server/publish/explain/explain.ts';
import { commandOfBody } from '../../../../src/server/publish/explain/wire.ts';
import { receiptSecret } from '../../../../src/server/publish/receipt.ts';
import { RevisionKeys } from '../../../../src/server/publish/revision-keys.ts';
import type { PublishSettings } from '../../../../src/server/publish/service.ts';
import { answerToWire } from '../../../../src/server/publish/wire.ts';
import { publishSettings, type Publisher } from '../publisher.ts';

/** What differs from the usual installation. */
export interface ExplainerOptions {
  readonly settings?: Partial<PublishSettings>;
  readonly secrets?: NodeJS.ProcessEnv;
}

/** Explains bodies of this installation, at its clock's time unless another one is given. */
export function makeExplainer(publisher: Publisher, options: ExplainerOptions = {}) {
  const { database, clock, keyManager } = publisher;
  const settings = { ...publishSettings, ...options.settings };
  const deps: ExplainDeps = {
    database,
    clock,
    settings,
    revisionKeys: new RevisionKeys({ database, clock, keyManager, settings }),
    receiptSecret: receiptSecret(settings.revisionTokenAad),
    readSecret: (reference) => resolveSecret(reference, options.secrets ?? {}),
  };
  return async (body: unknown, at?: Date): Promise<Explanation> => {
    const json = typeof body === 'string' ? body : JSON.stringify(body);
    const sent = { body: Buffer.from(json), version: 'v1', now: at ?? clock.now(), commandOf: commandOfBody } as const;
    return await explainPublish(sent, deps);
  };
}

/** What the phone is told. */
export interface ToldAnswer {
  readonly status: number;
  readonly code: string;
  readonly error: string;
  readonly warnings: readonly string[];
  readonly inserted: number;
}

/** Publishes a body as gateway and server do together. */
export async function publishJson(publisher: Publisher, json: string): Promise<ToldAnswer> {
  const answer = await answerOf(publisher, json);
  const { status, code = '', error = '', warnings = [], insertedExposures: inserted = 0 } = answer;
  return { status, code, error, warnings, inserted };
}

async function answerOf(publisher: Publisher, json: string) {
  const body = decodePublishBody(Buffer.from(json));
  if (body instanceof DecodeFailure) return undecodableAnswer(body);
  try {
    const command = commandOfBody(body);
    const stored = answerToWire(await publisher.publish(publisher.body(), command));
    return storedAnswer({
      revisionToken: stored.revisionToken ?? '',
      insertedExposures: stored.insertedExposures ?? 0,
      warnings: stored.warnings ?? [],
      partialFailure: stored.partialFailure ?? '',
    });
  } catch (error) {
    return failureAnswer(error);
  }
}

/** The lines of one step. */
export function linesOf({ steps }: Explanation, name: string): readonly string[] {
  return steps.find((step) => step.name === name)?.lines ?? [];
}

/** Names of the steps that ended so. */
export function namesOf({ steps }: Explanation, outcome: Explanation['steps'][number]['outcome']): readonly string[] {
  return steps.filter((step) => step.outcome === outcome).map(({ name }) => name);
}
