/** What a health authority's JWKS changes in its keys. Keys that were entered by hand always win. */

/** A key as a document has it. */
export interface DocumentKey {
  /** JWK `kid`. */
  readonly version: string;
  /** SPKI PEM, P-256. */
  readonly publicKeyPem: string;
}

/** A key as it is stored. */
export interface StoredKey extends DocumentKey {
  /** Null = without end. */
  readonly validThru: Date | null;
  /** False = entered by hand. */
  readonly isFromJwks: boolean;
}

/** What to write. */
export interface KeyChanges {
  /** New ones, ones that are back, and ones with other material under a known `kid`. */
  readonly accepted: readonly DocumentKey[];
  /** Versions whose key counts no longer, those with other material included. */
  readonly revoked: readonly string[];
  /** Keys of the document that are not taken, and why. */
  readonly skipped: readonly string[];
}

/**
 * A key that has left the document ends now, once: one that has ended already is not mentioned again. A key that comes
 * back counts again. The same `kid` with other material replaces the key: whoever serves the document could as well
 * have named a new `kid`, and refusing it would leave a clumsy issuer without a key that works.
 * @param document at least one key, each `kid` once
 */
export function mergeKeys(stored: readonly StoredKey[], document: readonly DocumentKey[], now: Date): KeyChanges {
  const byHand = stored.filter(({ isFromJwks }) => !isFromJwks);
  const { taken, skipped } = withoutKeysByHand(document, byHand, now);
  const wanted = new Map(taken.map((key) => [key.version, key.publicKeyPem]));
  const active = stored.filter((key) => key.isFromJwks && !hasEnded(key, now));
  const current = new Map(active.map((key) => [key.version, key.publicKeyPem]));
  return {
    accepted: taken.filter(({ version, publicKeyPem }) => current.get(version) !== publicKeyPem),
    revoked: active.flatMap((key) => (wanted.get(key.version) === key.publicKeyPem ? [] : [key.version])),
    skipped,
  };
}

function withoutKeysByHand(
  document: readonly DocumentKey[],
  byHand: readonly StoredKey[],
  now: Date,
): { readonly taken: readonly DocumentKey[]; readonly skipped: readonly string[] } {
  const versions = new Map(byHand.map((key) => [key.version, material(key)]));
  const ended = new Set(byHand.filter((key) => hasEnded(key, now)).map(material));
  const skipped: string[] = [];
  const taken = document.filter((key) => {
    const own = versions.get(key.version);
    if (own !== undefined && own !== material(key)) skipped.push(`${key.version}: a key entered by hand has this kid`);
    if (own !== undefined) return false;
    if (!ended.has(material(key))) return true;
    skipped.push(`${key.version}: this key was entered by hand too, and has ended there`);
    return false;
  });
  return { taken, skipped };
}

function hasEnded({ validThru }: StoredKey, now: Date): boolean {
  return validThru !== null && validThru <= now;
}

/** What two PEM texts of one key share: lines may be broken differently. */
function material({ publicKeyPem }: DocumentKey): string {
  return publicKeyPem.replaceAll(/-----[A-Z ]+-----|\s/g, '');
}
