/** Body of a publish request → what the phone sent, or why it cannot be read (reference 1.4 and 1.5). */
import { AppError } from '../../domain/errors.ts';
import { declareMembers, readBoolean, readInt32, readInt64, readList, readObject, readString } from './json-members.ts';
import type { Decoding } from './json-members.ts';
import { JsonReader, incomplete, malformed } from './json-reader.ts';

/** A publish request, member by member as sent; what is absent is empty, zero or false. */
export interface PublishBody {
  temporaryExposureKeys: SentKey[];
  healthAuthorityId: string;
  verificationPayload: string;
  hmacKey: string;
  symptomOnsetInterval: number;
  traveler: boolean;
  revisionToken: string;
  /** `android` or `ios` when the request carries an attestation. */
  platform: string;
  deviceVerificationPayload: string;
}

/** One key as sent. */
export interface SentKey {
  key: string;
  rollingStartNumber: number;
  rollingPeriod: number;
  transmissionRisk: bigint;
}

/** Why a request cannot be read: a value, since phones of all ages send all sorts of things. */
export class DecodeFailure {
  readonly status: 400 | 413 | 415;
  /** Safe for strangers. */
  readonly text: string;

  constructor(status: 400 | 413 | 415, text: string) {
    this.status = status;
    this.text = text;
  }
}

const keyMembers = declareMembers<SentKey>('temporaryExposureKeys', {
  key: (decoding, key, path) => {
    key.key = readString(decoding, path, key.key);
  },
  rollingStartNumber: (decoding, key, path) => {
    key.rollingStartNumber = readInt32(decoding, path, key.rollingStartNumber);
  },
  rollingPeriod: (decoding, key, path) => {
    key.rollingPeriod = readInt32(decoding, path, key.rollingPeriod);
  },
  transmissionRisk: (decoding, key, path) => {
    key.transmissionRisk = readInt64(decoding, path, key.transmissionRisk);
  },
});

const sentKey = {
  members: keyMembers,
  empty: (): SentKey => ({ key: '', rollingStartNumber: 0, rollingPeriod: 0, transmissionRisk: 0n }),
};

const bodyMembers = declareMembers<PublishBody>('', {
  temporaryExposureKeys: (decoding, body) => {
    body.temporaryExposureKeys = readList(decoding, body.temporaryExposureKeys, sentKey);
  },
  healthAuthorityID: (decoding, body, path) => {
    body.healthAuthorityId = readString(decoding, path, body.healthAuthorityId);
  },
  verificationPayload: (decoding, body, path) => {
    body.verificationPayload = readString(decoding, path, body.verificationPayload);
  },
  hmacKey: (decoding, body, path) => {
    body.hmacKey = readString(decoding, path, body.hmacKey);
  },
  symptomOnsetInterval: (decoding, body, path) => {
    body.symptomOnsetInterval = readInt32(decoding, path, body.symptomOnsetInterval);
  },
  traveler: (decoding, body, path) => {
    body.traveler = readBoolean(decoding, path, body.traveler);
  },
  revisionToken: (decoding, body, path) => {
    body.revisionToken = readString(decoding, path, body.revisionToken);
  },
  padding: (decoding, _body, path) => {
    readString(decoding, path, '');
  },
  platform: (decoding, body, path) => {
    body.platform = readString(decoding, path, body.platform);
  },
  deviceVerificationPayload: (decoding, body, path) => {
    body.deviceVerificationPayload = readString(decoding, path, body.deviceVerificationPayload);
  },
});

/** Reference 1.4: the first 16 characters count, with their case. */
export function isJsonContentType(contentType: string | undefined): boolean {
  return contentType?.startsWith('application/json') ?? false;
}

/**
 * Reads one JSON object. Members that are not known are ignored at every level; names match without case;
 * null means absent; of members sent twice the last counts, where a second list of keys is read over the
 * first, element by element. After the object, white space may follow, or a closing bracket and anything:
 * the deployed server looks no further.
 * @param bytes the body, or its first part
 * @param isCut there was more than `bytes`: what needs it is too large
 */
export function decodePublishBody(bytes: Buffer, isCut = false): PublishBody | DecodeFailure {
  const reader = new JsonReader(bytes);
  try {
    if (reader.isAtEnd() && !isCut) return new DecodeFailure(400, 'body must not be empty');
    return readBody({ reader, wrongType: undefined });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === incomplete && isCut) return new DecodeFailure(413, 'http: request body too large');
    if (error.code === incomplete || error.code === malformed) return new DecodeFailure(400, error.message);
    throw error;
  }
}

function readBody(decoding: Decoding): PublishBody | DecodeFailure {
  const body: PublishBody = {
    temporaryExposureKeys: [],
    healthAuthorityId: '',
    verificationPayload: '',
    hmacKey: '',
    symptomOnsetInterval: 0,
    traveler: false,
    revisionToken: '',
    platform: '',
    deviceVerificationPayload: '',
  };
  readObject(decoding, bodyMembers, body);
  if (decoding.wrongType !== undefined) return new DecodeFailure(400, decoding.wrongType);
  return decoding.reader.isDone() ? body : new DecodeFailure(400, 'body must contain only one JSON object');
}
