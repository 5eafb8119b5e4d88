/** What Enmesh asks of a key manager, whoever keeps the keys. */

/** One version of a key that signs. */
export interface SigningKeyVersion {
  /** The key manager's name of this version. */
  readonly version: string;
  /** SPKI PEM, P-256. */
  readonly publicKeyPem: string;
  readonly createdAt: Date;
}

/** A key and what it is for. */
export interface ManagedKey {
  readonly name: string;
  readonly purpose: 'signing' | 'encryption';
  /** Versions, newest first. */
  readonly versions: readonly string[];
}

/**
 * Signs, wraps and unwraps; private keys never leave it. Unknown keys: AppError `precondition`/`key_not_found`; a manager
 * that does not answer, throttles or fails: `unavailable`/`key_manager_unavailable`, which alone is worth another try; one
 * that lets us do nothing: `unavailable`/`key_manager_denied`, naming the permission.
 */
export interface KeyManager {
  /** Keys that are ours, sorted by name; an account may have others, which are left out. */
  listKeys(): Promise<readonly ManagedKey[]>;
  /** The key of that name, listed or not; undefined when there is none. */
  findKey(name: string): Promise<ManagedKey | undefined>;
  /** Makes an ECDSA P-256 key; an existing one is left alone. */
  createSigningKey(name: string): Promise<SigningKeyVersion>;
  /** Makes a new version of an existing signing key. */
  createSigningKeyVersion(name: string): Promise<SigningKeyVersion>;
  /** Versions, newest first. */
  signingKeyVersions(name: string): Promise<readonly SigningKeyVersion[]>;
  /**
   * @param digest SHA-256, 32 bytes
   * @returns ASN.1 DER ECDSA signature, as the manager gave it: whoever publishes it verifies it
   */
  sign(name: string, version: string, digest: Uint8Array): Promise<Uint8Array>;
  /** Makes a key that encrypts; an existing one is left alone. */
  createEncryptionKey(name: string): Promise<void>;
  /** AEAD under the newest version; what comes back names its version. */
  encrypt(name: string, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  decrypt(name: string, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
}
