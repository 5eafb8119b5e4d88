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

/** Signs, wraps and unwraps; private keys never leave it. Unknown keys: AppError `precondition`/`key_not_found`; a manager that does not answer: `unavailable`/`key_manager_unavailable`. */
export interface KeyManager {
  listKeys(): Promise<readonly ManagedKey[]>;
  /** Makes an ECDSA P-256 key; an existing one is left alone. */
  createSigningKey(name: string): Promise<SigningKeyVersion>;
  /** Makes a new version of an existing signing key. */
  createSigningKeyVersion(name: string): Promise<SigningKeyVersion>;
  /** Versions, newest first. */
  signingKeyVersions(name: string): Promise<readonly SigningKeyVersion[]>;
  /**
   * @param digest SHA-256, 32 bytes
   * @returns ASN.1 DER ECDSA signature
   */
  sign(name: string, version: string, digest: Uint8Array): Promise<Uint8Array>;
  /** Makes a key that encrypts; an existing one is left alone. */
  createEncryptionKey(name: string): Promise<void>;
  /** AEAD under the newest version; what comes back names its version. */
  encrypt(name: string, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  decrypt(name: string, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
}
