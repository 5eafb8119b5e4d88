/** Explanations ↔ messages. */
import type { PublishBody } from '../../../domain/publish-body/decode.ts';
import {
  ApiVersion as WireApiVersion,
  StepOutcome,
  type DeepPartial,
  type ExplainPublishResponse,
} from '../../../gen/enmesh/operations/v1/operations.ts';
import { Platform } from '../../../gen/enmesh/publish/v1/publish.ts';
import type { PublishCommand } from '../command.ts';
import { commandFromWire } from '../wire.ts';
import type { ApiVersion } from './body.ts';
import type { Explanation } from './explain.ts';
import type { Outcome } from './steps.ts';

const outcomes: Readonly<Record<Outcome, StepOutcome>> = {
  passed: StepOutcome.PASSED,
  warning: StepOutcome.WARNING,
  refused: StepOutcome.REFUSED,
  skipped: StepOutcome.SKIPPED,
};

/** Where it was sent to. */
export function versionFromWire(version: WireApiVersion): ApiVersion {
  return version === WireApiVersion.V1ALPHA1 ? 'v1alpha1' : 'v1';
}

/** A body as it comes out of the gateway and into the publish. */
export function commandOfBody({ platform, regions = [], ...body }: PublishBody): PublishCommand {
  return commandFromWire({ ...body, attestationPlatform: platform, platform: Platform.UNSPECIFIED, regions });
}

/** For an answer. */
export function explanationToWire({ steps, answer }: Explanation): DeepPartial<ExplainPublishResponse> {
  const { inserted, revised, warnings, ...rest } = answer;
  return {
    steps: steps.map(({ name, outcome, lines, code }) => ({
      name,
      outcome: outcomes[outcome],
      detail: lines.join('\n'),
      code,
    })),
    answer: { ...rest, warnings: [...warnings], insertedExposures: inserted, revisedExposures: revised },
  };
}
