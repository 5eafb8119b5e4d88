/** What an operator calls a key of Google Cloud KMS, and its full resource name. */
import { invalidKeyName } from './faults.ts';

/** A key, or one version of it alone. */
export interface GcpKeyName {
  /** `projects/P/locations/L/keyRings/R` */
  readonly ring: string;
  readonly id: string;
  /** `…/cryptoKeys/ID` */
  readonly path: string;
  /** Null = all of them. */
  readonly version: string | null;
}

const fullName =
  /^(projects\/[^/\s]+\/locations\/[a-z0-9-]+\/keyRings\/[A-Za-z0-9_-]{1,63})\/cryptoKeys\/([A-Za-z0-9_-]{1,63})(?:\/cryptoKeyVersions\/([1-9]\d{0,9}))?$/;
const bareName = /^[A-Za-z0-9_-]{1,63}$/;

/**
 * A bare name in the key ring, or the full name of a key or (as the deployed servers have it, reference 8.2) of a version.
 * @param ring of bare names
 * @throws AppError `invalid`/`invalid_key_name`
 */
export function parseGcpKeyName(name: string, ring: string | undefined): GcpKeyName {
  const [, itsRing, itsId, version = null] = fullName.exec(name) ?? [];
  if (itsRing !== undefined && itsId !== undefined) return keyName(itsRing, itsId, version);
  if (!bareName.test(name)) {
    throw invalidKeyName(
      'up to 63 of a-z, A-Z, 0-9, underscore and hyphen, or projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/NAME',
    );
  }
  if (ring === undefined) throw invalidKeyName('its full resource name, unless ENMESH_GCP_KMS_KEY_RING is set');
  return keyName(ring, name, null);
}

function keyName(ring: string, id: string, version: string | null): GcpKeyName {
  return { ring, id, path: `${ring}/cryptoKeys/${id}`, version };
}

/** The full name of a version; undefined for what no version is called. */
export function versionPath({ path, version: only }: GcpKeyName, version: string): string | undefined {
  if (!/^[1-9]\d{0,9}$/.test(version) || (only !== null && only !== version)) return undefined;
  return `${path}/cryptoKeyVersions/${version}`;
}

/** The number at the end of a version's full name. */
export function numberOf(versionName: string): string {
  return versionName.slice(versionName.lastIndexOf('/') + 1);
}
