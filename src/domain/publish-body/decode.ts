/** Body of a publish request → what the phone sent, or why it cannot be read (reference 1.4 and 1.5). */
import { AppError } from '../errors.ts';
import { intervalsPerDay } from '../publish/interval.ts';
import { highestRisk } from '../publish/validate-key.ts';
import { declareMembers, readObject } from './json-members.ts';
import type { Declaration, Decoding, ObjectType } from './json-members.ts';
import { JsonReader, incomplete, malformed } from './json-reader.ts';
import { boolean, int32, int64, objects, string } from './member-types.ts';

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
  /** Named by v1alpha1 requests alone. */
  regions?: string[];
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

/** Text with random characters: hides how long a request really is. */
export const paddingMember: Declaration<unknown> = string(
  { description: 'Random characters that hide how long the request is; ignored.' },
  () => undefined,
);

const keyMembers = declareMembers<SentKey>('temporaryExposureKeys', {
  key: string(
    { description: 'Base64 of the 16 bytes of the key. The HMAC covers these characters as sent.', isNeeded: true },
    (key, value) => {
      key.key = value;
    },
  ),
  rollingStartNumber: int32(
    { description: 'First 10-minute interval since 1970 in which the key was used.', isNeeded: true, minimum: 0 },
    (key, value) => {
      key.rollingStartNumber = value;
    },
  ),
  rollingPeriod: int32(
    {
      description: 'For how many 10-minute intervals the key was used; 144 is a day.',
      isNeeded: true,
      minimum: 1,
      maximum: intervalsPerDay,
    },
    (key, value) => {
      key.rollingPeriod = value;
    },
  ),
  transmissionRisk: int64(
    {
      description: 'Transmission risk; with 0 or nothing, that of the report type is taken.',
      minimum: 0,
      maximum: Number(highestRisk),
    },
    (key, value) => {
      key.transmissionRisk = value;
    },
  ),
});

/** The keys of a request. */
export const sentKey: ObjectType<SentKey> = {
  members: keyMembers,
  empty: () => ({ key: '', rollingStartNumber: 0, rollingPeriod: 0, transmissionRisk: 0n }),
};

/** What `POST /v1/publish` may hold. */
export const publishDeclarations = {
  temporaryExposureKeys: objects(
    { description: 'The keys, in any order.', isNeeded: true, item: sentKey },
    (body) => body.temporaryExposureKeys,
  ),
  healthAuthorityID: string({ description: "The app's id; matched without case.", isNeeded: true }, (body, value) => {
    body.healthAuthorityId = value;
  }),
  verificationPayload: string(
    { description: 'The certificate of the health authority: a compact JWS.' },
    (body, value) => {
      body.verificationPayload = value;
    },
  ),
  hmacKey: string(
    { description: "Base64 of the secret under which the certificate's `tekmac` was made." },
    (body, value) => {
      body.hmacKey = value;
    },
  ),
  symptomOnsetInterval: int32(
    { description: '10-minute interval of the first symptoms; with 0 or nothing, that of the certificate is taken.' },
    (body, value) => {
      body.symptomOnsetInterval = value;
    },
  ),
  traveler: boolean({ description: 'True when the person has been abroad.' }, (body, value) => {
    body.traveler = value;
  }),
  revisionToken: string(
    { description: 'Base64 of the token that the last publish of these keys was answered with.' },
    (body, value) => {
      body.revisionToken = value;
    },
  ),
  padding: paddingMember,
  platform: string({ description: '`android` or `ios`, where an attestation is sent.' }, (body, value) => {
    body.platform = value;
  }),
  deviceVerificationPayload: string(
    { description: 'The attestation of the device, where the app is asked for one.' },
    (body, value) => {
      body.deviceVerificationPayload = value;
    },
  ),
} satisfies Readonly<Record<string, Declaration<PublishBody>>>;

/** The same, ready to read. */
export const publishMembers = declareMembers<PublishBody>('', publishDeclarations);

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
  return decodeBody({ members: publishMembers, empty: emptyPublishBody }, bytes, isCut);
}

/** Reads one JSON object of any type, by the rules of {@link decodePublishBody}. */
export function decodeBody<Body>(type: ObjectType<Body>, bytes: Buffer, isCut: boolean): Body | DecodeFailure {
  const reader = new JsonReader(bytes);
  try {
    if (reader.isAtEnd() && !isCut) return new DecodeFailure(400, 'body must not be empty');
    return readBody({ reader, wrongType: undefined }, type);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === incomplete && isCut) return new DecodeFailure(413, 'http: request body too large');
    if (error.code === incomplete || error.code === malformed) return new DecodeFailure(400, error.message);
    throw error;
  }
}

/** What a publish is before anything is read. */
export function emptyPublishBody(): PublishBody {
  return {
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
}

function readBody<Body>(decoding: Decoding, { members, empty }: ObjectType<Body>): Body | DecodeFailure {
  const body = empty();
  readObject(decoding, members, body);
  if (decoding.wrongType !== undefined) return new DecodeFailure(400, decoding.wrongType);
  return decoding.reader.isDone() ? body : new DecodeFailure(400, 'body must contain only one JSON object');
}
