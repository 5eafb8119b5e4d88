/** Play Integrity tokens, decrypted and verified here with the two keys of the Play console; Google is not asked. */
import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { compactDecrypt, compactVerify, errors } from 'jose';
import type { AttestationFault } from '../../domain/attestation/fault.ts';
import { decodeDecryptionKey, decodeVerificationKey } from '../../domain/attestation/play-keys.ts';
import { playVerdictFault } from '../../domain/attestation/play-verdict.ts';
import type { AndroidAttestation } from '../../domain/configuration/configuration.ts';
import type { SecretReader } from '../../platform/secrets/secrets.ts';
import type { AttestationContext, AttestationVerifier } from './verifier.ts';

/** A JWE in compact form: five parts, of which the key may be empty. */
const compactJwe = /^[\w-]+\.[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+$/;

/** Verifies classic requests: their nonce covers the publish. */
export class PlayIntegrity implements AttestationVerifier {
  readonly #settings: AndroidAttestation;
  readonly #decryptionKey: KeyObject;
  readonly #verificationKey: KeyObject;

  /**
   * Reads the app's two keys.
   * @throws Error when one cannot be read, or is not a key of its kind; never with the key
   */
  static async open(settings: AndroidAttestation, readSecret: SecretReader): Promise<PlayIntegrity> {
    const decryptionKey = decodeDecryptionKey(await readSecret(settings.decryptionKey));
    if (!decryptionKey) throw new Error('android.decryptionKey is not the base64 of 32 bytes');
    const verificationKey = decodeVerificationKey(await readSecret(settings.verificationKey));
    if (!verificationKey) throw new Error('android.verificationKey is not the base64 of a P-256 public key');
    return new PlayIntegrity(settings, {
      decryptionKey: createSecretKey(decryptionKey),
      verificationKey: createPublicKey({ key: verificationKey, format: 'der', type: 'spki' }),
    });
  }

  private constructor(
    settings: AndroidAttestation,
    keys: { readonly decryptionKey: KeyObject; readonly verificationKey: KeyObject },
  ) {
    this.#settings = settings;
    this.#decryptionKey = keys.decryptionKey;
    this.#verificationKey = keys.verificationKey;
  }

  async verify(payload: string, context: AttestationContext): Promise<AttestationFault | undefined> {
    if (!compactJwe.test(payload)) return 'malformed';
    const signed = await this.#open(payload);
    if (signed === undefined) return 'untrusted';
    const verdict = parseJson(signed);
    return verdict === undefined ? 'malformed' : playVerdictFault(verdict, { ...this.#settings, ...context });
  }

  /** What the store signed, or undefined: the algorithms are ours to say, not the token's. */
  async #open(token: string): Promise<Uint8Array | undefined> {
    try {
      const { plaintext } = await compactDecrypt(token, this.#decryptionKey, {
        keyManagementAlgorithms: ['A256KW'],
        contentEncryptionAlgorithms: ['A256GCM'],
        maxDecompressedLength: 0,
      });
      const { payload } = await compactVerify(plaintext, this.#verificationKey, { algorithms: ['ES256'] });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
