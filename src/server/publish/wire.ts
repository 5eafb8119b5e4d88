/** Publish messages ↔ the use case's own types. */
import { multiErrorText } from '../../domain/publish/multi-error.ts';
import type { Platform } from '../../domain/publish/statistics.ts';
import {
  Platform as WirePlatform,
  type DeepPartial,
  type PublishRequest,
  type PublishResponse,
} from '../../gen/enmesh/publish/v1/publish.ts';
import type { PublishAnswer, PublishCommand } from './command.ts';

/** Takes the request as it is: nothing may be normalised before the HMAC is checked. */
export function commandFromWire(request: PublishRequest): PublishCommand {
  return {
    appId: request.healthAuthorityId,
    keys: request.temporaryExposureKeys,
    certificate: request.verificationPayload,
    hmacKey: request.hmacKey,
    symptomOnsetInterval: request.symptomOnsetInterval,
    traveler: request.traveler,
    revisionToken: request.revisionToken,
    regions: request.regions,
    platform: platformFromWire(request.platform),
    attestation: { platform: request.attestationPlatform, payload: request.deviceVerificationPayload },
  };
}

function platformFromWire(platform: WirePlatform): Platform {
  if (platform === WirePlatform.ANDROID) return 'android';
  return platform === WirePlatform.IOS ? 'ios' : 'unknown';
}

/** The answer as a message. */
export function answerToWire(answer: PublishAnswer): DeepPartial<PublishResponse> {
  return {
    revisionToken: answer.revisionToken,
    insertedExposures: answer.inserted,
    warnings: [...answer.warnings],
    partialFailure: answer.faults.length === 0 ? '' : multiErrorText(answer.faults),
  };
}
