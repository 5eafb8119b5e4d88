/** The RPC that explains a publish. */
import type { OperationsServiceImplementation } from '../../../gen/enmesh/operations/v1/operations.ts';
import type { SecretReader } from '../../../platform/secrets/secrets.ts';
import { receiptSecret } from '../receipt.ts';
import { RevisionKeys } from '../revision-keys.ts';
import type { PublishServiceDeps } from '../service.ts';
import { explainPublish, type ExplainDeps } from './explain.ts';
import { commandOfBody, explanationToWire, versionFromWire } from './wire.ts';

/** What the RPC is made of. */
export type ExplainServiceDeps = Pick<PublishServiceDeps, 'database' | 'clock' | 'keyManager' | 'settings'> & {
  readonly readSecret: SecretReader;
};

/** Makes the method of OperationsService; it shares nothing that a publish keeps. */
export function createExplainPublish(deps: ExplainServiceDeps): OperationsServiceImplementation['explainPublish'] {
  const explainDeps: ExplainDeps = {
    ...deps,
    revisionKeys: new RevisionKeys(deps),
    receiptSecret: receiptSecret(deps.settings.revisionTokenAad),
  };
  return async ({ body, apiVersion, at }) => {
    const sent = {
      body: Buffer.from(body),
      version: versionFromWire(apiVersion),
      now: at ?? deps.clock.now(),
      commandOf: commandOfBody,
    };
    return explanationToWire(await explainPublish(sent, explainDeps));
  };
}
