/** PublishService over gRPC. */
import { AppError } from '../../domain/errors.ts';
import type { PublishServiceImplementation } from '../../gen/enmesh/publish/v1/publish.ts';
import type { Clock } from '../../platform/clock.ts';
import type { KeyManager } from '../../platform/key-manager/key-manager.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { Database } from '../../storage/database.ts';
import { PublishQueue } from '../../storage/exposures/publish-queue.ts';
import type { Attestations } from '../attestation/attestations.ts';
import { AuthorityCache } from './authority-cache.ts';
import type { PublishAnswer, PublishCommand } from './command.ts';
import { publishKeys, type PublishKeysDeps } from './publish-keys.ts';
import { receiptSecret } from './receipt.ts';
import { RevisionKeys } from './revision-keys.ts';
import type { PublishSettings } from './settings.ts';
import { answerToWire, commandFromWire } from './wire.ts';

export type { PublishSettings } from './settings.ts';

/** What the service is made of. */
export interface PublishServiceDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly keyManager: KeyManager;
  readonly attestations: Attestations;
  readonly settings: PublishSettings;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Makes the service; nothing is loaded before the first publish. */
export function createPublishService(deps: PublishServiceDeps): PublishServiceImplementation {
  const publish = preparePublish(deps);
  const count = publishCounters(deps.metrics);
  return {
    async publish(request) {
      const command = commandFromWire(request);
      try {
        const answer = await publish(command);
        count.answered(command, answer);
        return answerToWire(answer);
      } catch (error) {
        count.refused(error);
        throw error;
      }
    },
  };
}

/** The use case with everything that it keeps between publishes. */
export function preparePublish(
  deps: Pick<PublishServiceDeps, 'database' | 'clock' | 'keyManager' | 'attestations' | 'settings'>,
): (command: PublishCommand) => Promise<PublishAnswer> {
  const { database, clock, attestations, settings } = deps;
  const kept: PublishKeysDeps = {
    database,
    queue: new PublishQueue(database),
    clock,
    attestations,
    settings,
    authorities: new AuthorityCache(database, { clock, seconds: settings.authorityCacheSeconds }),
    revisionKeys: new RevisionKeys(deps),
    receiptSecret: receiptSecret(settings.revisionTokenAad),
  };
  return (command) => publishKeys(command, kept);
}

function publishCounters(metrics: Metrics) {
  const requests = metrics.counter({
    name: 'enmesh_publish_requests_total',
    help: 'Publishes by outcome: ok, partial_failure, or the code of the refusal.',
    labelNames: ['outcome'],
  });
  const keys = metrics.counter({
    name: 'enmesh_publish_keys_total',
    help: 'Keys of answered publishes: inserted, revised, left out, or repeated with a request that was answered before.',
    labelNames: ['outcome'],
  });
  return {
    answered(command: PublishCommand, { inserted, revised, faults, isRepeated }: PublishAnswer): void {
      requests.inc({ outcome: faults.length === 0 ? 'ok' : 'partial_failure' });
      if (isRepeated) {
        keys.inc({ outcome: 'repeated' }, command.keys.length);
        return;
      }
      keys.inc({ outcome: 'inserted' }, inserted);
      keys.inc({ outcome: 'revised' }, revised);
      keys.inc({ outcome: 'left_out' }, Math.max(0, command.keys.length - inserted - revised));
    },
    refused(error: unknown): void {
      const code = error instanceof AppError ? error.code : 'internal_error';
      requests.inc({ outcome: code });
    },
  };
}
