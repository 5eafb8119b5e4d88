/** What an installation is configured to do: the content of a configuration file, with every default filled in. */

/** Everything that `apply` brings about. Members of a list are told apart by issuer, id or name. */
export interface Configuration {
  readonly healthAuthorities: readonly HealthAuthority[];
  readonly apps: readonly App[];
  readonly signingKeys: readonly SigningKey[];
  readonly exports: readonly Export[];
  readonly partners: readonly Partner[];
  readonly mirrors: readonly Mirror[];
  readonly imports: readonly Import[];
}

/** Who signs certificates. */
export interface HealthAuthority {
  /** JWT `iss`. */
  readonly issuer: string;
  /** JWT `aud`. */
  readonly audience: string;
  /** For people. */
  readonly name: string;
  /** May read its statistics. */
  readonly stats: boolean;
  /** Where its keys are published; null = only those below. */
  readonly jwksUri: string | null;
  /** Entered by hand; a refresh of the JWKS never touches them. */
  readonly keys: readonly HealthAuthorityKey[];
}

/** From when until when a key counts. */
export interface Validity {
  readonly from: Date;
  /** Null = no end. */
  readonly thru: Date | null;
}

/** Verifies certificates. */
export interface HealthAuthorityKey extends Validity {
  /** JWT `kid`. */
  readonly version: string;
  /** SPKI PEM, P-256. */
  readonly publicKeyPem: string;
}

/** What is done with a device's attestation. */
export type AttestationMode = 'off' | 'observe' | 'require';

/** May publish keys. */
export interface App {
  /** The `healthAuthorityID` of its requests, in lower case. */
  readonly id: string;
  readonly regions: readonly string[];
  /** Issuers whose certificates it may use. */
  readonly healthAuthorities: readonly string[];
  /** Accept requests whose certificate fails. */
  readonly bypassCertificate: boolean;
  /** Accept revisions without a token. */
  readonly bypassRevisionToken: boolean;
  readonly attestation: AttestationMode;
  /** Null = Android devices cannot attest. */
  readonly android: AndroidAttestation | null;
  /** Null = iOS devices cannot attest. */
  readonly ios: IosAttestation | null;
}

/** How Play Integrity tokens are checked. */
export interface AndroidAttestation {
  readonly packageName: string;
  /** SHA-256 of the app's signing certificates, base64. */
  readonly certificateDigests: readonly string[];
  /** Secret references of the console's two keys. */
  readonly decryptionKey: string;
  readonly verificationKey: string;
  /** Oldest token that is accepted. */
  readonly maxAgeSeconds: number;
}

/** How App Attest objects are checked. */
export interface IosAttestation {
  /** TEAM.bundle. */
  readonly appId: string;
  readonly environment: 'production' | 'development';
  /** PEM. */
  readonly rootCertificates: readonly string[];
}

/** A key of the key manager that signs export files. */
export interface SigningKey {
  readonly name: string;
  /** Id in the key manager. */
  readonly key: string;
  /** As in a file's signature info. */
  readonly keyId: string;
  /** The first version's name; rotation counts on from it. */
  readonly keyVersion: string;
  /** Signs until; null = no end. */
  readonly thru: Date | null;
}

/** A series of files. */
export interface Export {
  readonly name: string;
  readonly bucket: string;
  /** First part of every object name; unique over all exports, whatever its case. */
  readonly filenameRoot: string;
  readonly outputRegion: string;
  /** None = the output region. */
  readonly inputRegions: readonly string[];
  readonly excludeRegions: readonly string[];
  /** Keys of travelers go in whatever their region. */
  readonly includeTravelers: boolean;
  /** Keys of travelers stay out. */
  readonly onlyNonTravelers: boolean;
  /** Length of a window. */
  readonly periodSeconds: number;
  /** Null = since ever. */
  readonly from: Date | null;
  /** Null = no end. */
  readonly thru: Date | null;
  /** Most keys in a file; null = the installation's number. */
  readonly maxRecords: number | null;
  /** A small batch is held back so long before it is padded; null = padded at once. */
  readonly shiftSeconds: number | null;
  /** A file is deleted so long after it left the index. */
  readonly graceSeconds: number;
  /** Names under `signingKeys`. */
  readonly signingKeys: readonly string[];
}

/** A federated authority. */
export interface Partner {
  readonly name: string;
  /** HOST:PORT. */
  readonly address: string;
  /** Who they must prove to be, to us. */
  readonly identity: { readonly issuer: string; readonly subject: string; readonly audience: string };
  /** Whom our tokens are for. */
  readonly ourAudience: string;
  /** Refuse a server that does not prove itself. */
  readonly requireServerIdentity: boolean;
  /** What they may read; null = nothing. */
  readonly serve: ServeGrant | null;
  /** What we read; null = nothing. */
  readonly pull: PullRule | null;
  /** What they may push to us; null = nothing. */
  readonly accept: AcceptGrant | null;
  /** What we push to them; null = nothing. */
  readonly push: PushRule | null;
}

/** Bounds what a partner may read. */
export interface ServeGrant {
  readonly regions: readonly string[];
  readonly excludeRegions: readonly string[];
  readonly onlyLocal: boolean;
  readonly onlyTravelers: boolean;
  /** Leave symptom onset out, for deployed clients, which fail on it. */
  readonly omitOnset: boolean;
}

/** What we ask of a partner. */
export interface PullRule {
  /** None = all that is granted. */
  readonly regions: readonly string[];
  readonly excludeRegions: readonly string[];
  readonly onlyTravelers: boolean;
  /** `fetch` is the deployed server's. */
  readonly protocol: 'stream' | 'fetch';
}

/** Bounds what a partner may push. */
export interface AcceptGrant {
  readonly regions: readonly string[];
}

/** What we push. */
export interface PushRule {
  readonly regions: readonly string[];
  readonly onlyLocal: boolean;
}

/** Copies another authority's files. */
export interface Mirror {
  readonly name: string;
  readonly indexUrl: string;
  /** To which each index line is appended. */
  readonly baseUrl: string;
  readonly bucket: string;
  readonly filenameRoot: string;
}

/** Takes another authority's files in as keys. */
export interface Import {
  readonly name: string;
  readonly indexUrl: string;
  /** To which each index line is appended. */
  readonly baseUrl: string;
  readonly region: string;
  /** Their owners are travelers. */
  readonly traveler: boolean;
  readonly publicKeys: readonly ImportPublicKey[];
}

/** Verifies imported files. */
export interface ImportPublicKey extends Validity {
  /** As in the file's signature info. */
  readonly keyId: string;
  readonly keyVersion: string;
  /** SPKI PEM, P-256. */
  readonly publicKeyPem: string;
}
