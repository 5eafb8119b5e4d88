/** The authenticator data of an App Attest object (WebAuthn 6.1). */

/** Its fields as far as App Attest fills them. */
export interface AuthenticatorData {
  /** SHA-256 of the app's id. */
  readonly rpIdHash: Buffer;
  readonly counter: number;
  /** 16 bytes that tell the environment. */
  readonly aaguid: Buffer;
  readonly credentialId: Buffer;
}

const flagsAt = 32;
const counterAt = 33;
const aaguidAt = 37;
const lengthAt = 53;
const credentialAt = 55;
/** Flag: a credential follows. */
const hasCredential = 0x40;
/** WebAuthn 4: a credential id has at most so many bytes. */
const longestCredentialId = 1023;

/** Takes it apart; undefined when it is too short or names no credential. The credential's key follows and is not read. */
export function parseAuthenticatorData(bytes: Uint8Array): AuthenticatorData | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.length < credentialAt || (data.readUInt8(flagsAt) & hasCredential) === 0) return undefined;
  const length = data.readUInt16BE(lengthAt);
  if (length > longestCredentialId || data.length <= credentialAt + length) return undefined;
  return {
    rpIdHash: data.subarray(0, flagsAt),
    counter: data.readUInt32BE(counterAt),
    aaguid: data.subarray(aaguidAt, lengthAt),
    credentialId: data.subarray(credentialAt, credentialAt + length),
  };
}
