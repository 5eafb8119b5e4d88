/** One window of one export, from plan to published files. */

/** Waits · is held by a worker · its files are published · its files are gone. */
export type BatchStatus = 'open' | 'pending' | 'complete' | 'deleted';

/** Which keys a batch holds. */
export interface KeySelection {
  readonly windowStart: Date;
  readonly windowEnd: Date;
  /** A key with any of them is in. */
  readonly inputRegions: readonly string[];
  /** A key with any of them is out, whatever else holds. */
  readonly excludeRegions: readonly string[];
  /** Travelers of any region are in too. */
  readonly includeTravelers: boolean;
  readonly onlyNonTravelers: boolean;
  /** Padding of this decision and of earlier ones is in; null = no padding. */
  readonly paddingDecision: string | null;
}

/** A batch with the configuration as it was when planned. */
export interface Batch extends KeySelection {
  /** Database id, decimal. */
  readonly id: string;
  readonly exportId: number;
  readonly exportName: string;
  readonly status: BatchStatus;
  /** Tries so far, the one that runs included. */
  readonly attempts: number;
  /** Why the last try failed. */
  readonly lastError: string | null;
  /** Workers that look for work do not take it before; null = nothing keeps them. */
  readonly notBefore: Date | null;
  /** Until then a worker has it; null = none. */
  readonly leaseExpires: Date | null;
  /** How often it was built again. */
  readonly revision: number;
  /** Has few keys and waits for further windows until one with this end is due; null = it is not held back. */
  readonly shiftedUntil: Date | null;
  /** Boundaries, signers and padding are decided. */
  readonly isPrepared: boolean;
  readonly bucket: string;
  readonly filenameRoot: string;
  readonly outputRegion: string;
  /** Most keys in one file. */
  readonly maxRecords: number;
  /** What its files hold; null until its padding is decided. */
  readonly counts: KeyCounts | null;
}

/** How many keys, by list. */
export interface KeyCounts {
  readonly keys: number;
  readonly revisedKeys: number;
}

/** Decided · in the blob store · in the index · no more in the index · deleted. */
export type FileStatus = 'planned' | 'uploaded' | 'listed' | 'unlisted' | 'deleted';

/** Who signs, as decided before the file is written. */
export interface SignerChoice {
  /** Key and version in the key manager. */
  readonly key: string;
  readonly managerVersion: string;
  /** As phones know it. */
  readonly keyId: string;
  readonly keyVersion: string;
}

/** Keys after and up to; null = open end. */
export interface KeyRange {
  readonly after: Buffer | null;
  readonly through: Buffer | null;
}

/** A file that is decided. */
export interface PlannedFile {
  readonly number: number;
  readonly bucket: string;
  readonly name: string;
  readonly endTimestamp: Date;
  /** Null = none of that list. */
  readonly keyRange: KeyRange | null;
  readonly revisedKeyRange: KeyRange | null;
  readonly counts: KeyCounts;
  /** Newest first. */
  readonly signers: readonly SignerChoice[];
}

/** A file with its state. */
export interface ExportFile extends PlannedFile {
  /** Database id, decimal. */
  readonly id: string;
  readonly status: FileStatus;
  /** Bytes of the zip; null until it is uploaded. */
  readonly size: number | null;
}
