/** Acts as Google Play: signs and encrypts verdicts as the store does for an app that holds its own keys. */
import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { CompactEncrypt, CompactSign, type CompactJWEHeaderParameters } from 'jose';
import type { AndroidAttestation } from '../../../src/domain/configuration/configuration.ts';
import { sha256 } from './apple.ts';

export const packageName = 'org.example.health';

/** SHA-256 of the certificate that signs the app. */
export const signer = sha256('the certificate of the app');

/** What differs from an honest verdict: merged over its parts. */
export interface VerdictOptions {
  requestDetails?: Record<string, unknown>;
  appIntegrity?: Record<string, unknown>;
  deviceIntegrity?: Record<string, unknown>;
}

/** What differs from an honest token. */
export interface TokenOptions {
  decryptionKey?: Uint8Array;
  jwe?: Partial<CompactJWEHeaderParameters>;
  signingKey?: KeyObject | Uint8Array;
  jws?: { alg: string };
}

/** The store with the two keys of one app. */
export interface Play {
  readonly decryptionKey: Buffer;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** What the secret references of {@link settings} stand for, as the console shows it. */
  readonly secrets: { readonly PLAY_DECRYPTION_KEY: string; readonly PLAY_VERIFICATION_KEY: string };
  readonly settings: AndroidAttestation;
  /** Signs and encrypts. */
  token(verdict: unknown, options?: TokenOptions): Promise<string>;
  sign(payload: string | Uint8Array, options?: TokenOptions): Promise<string>;
  encrypt(payload: string | Uint8Array, options?: TokenOptions): Promise<string>;
}

/** Makes new keys. */
export function makePlay(): Play {
  const decryptionKey = randomBytes(32);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const sign: Play['sign'] = async (payload, options = {}) =>
    await new CompactSign(Buffer.from(payload))
      .setProtectedHeader(options.jws ?? { alg: 'ES256' })
      .sign(options.signingKey ?? privateKey);
  const encrypt: Play['encrypt'] = async (payload, options = {}) =>
    await new CompactEncrypt(Buffer.from(payload))
      .setProtectedHeader({ alg: 'A256KW', enc: 'A256GCM', ...options.jwe })
      .encrypt(options.decryptionKey ?? decryptionKey);
  return {
    decryptionKey,
    privateKey,
    publicKey,
    secrets: {
      PLAY_DECRYPTION_KEY: decryptionKey.toString('base64'),
      PLAY_VERIFICATION_KEY: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    },
    settings: {
      packageName,
      certificateDigests: [signer.toString('base64')],
      decryptionKey: 'secret://env/PLAY_DECRYPTION_KEY',
      verificationKey: 'secret://env/PLAY_VERIFICATION_KEY',
      maxAgeSeconds: 600,
    },
    sign,
    encrypt,
    token: async (verdict, options) => await encrypt(await sign(JSON.stringify(verdict), options), options),
  };
}

/** What the store says of an honest device and app. */
export function verdictFor(claim: Buffer, now: Date, change: VerdictOptions = {}): Record<string, unknown> {
  return {
    requestDetails: {
      requestPackageName: packageName,
      nonce: `${claim.toString('base64url')}=`,
      timestampMillis: String(now.getTime()),
      ...change.requestDetails,
    },
    appIntegrity: {
      appRecognitionVerdict: 'PLAY_RECOGNIZED',
      packageName,
      certificateSha256Digest: [signer.toString('base64url')],
      versionCode: '42',
      ...change.appIntegrity,
    },
    deviceIntegrity: { deviceRecognitionVerdict: ['MEETS_DEVICE_INTEGRITY'], ...change.deviceIntegrity },
    accountDetails: { appLicensingVerdict: 'UNEVALUATED' },
  };
}
