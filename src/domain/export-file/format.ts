/** The fixed words and numbers of an export file (Google's and Apple's "EK Export v1"). */

/** First 16 bytes of `export.bin` (reference 1.2). */
export const exportBinHeader = 'EK Export v1    ';

/** The two entries of the zip, in this order (reference 1.1). */
export const EXPORT_BIN = 'export.bin';
export const EXPORT_SIG = 'export.sig';

/** ECDSA with SHA-256, the only algorithm that phones know (reference 1.2). */
export const signatureAlgorithm = '1.2.840.10045.4.3.2';

/** Bytes of one key. */
export const KEY_LENGTH = 16;

/** Intervals of 10 minutes in a day: a key's longest life, and the period that the file leaves out. */
export const maxRollingPeriod = 144;

/** Seconds of one interval. */
export const intervalSeconds = 600;

/** Largest zip that `enmesh export verify` and `show` read: 64 MiB. */
export const largestZipBytes = 64 * 1024 * 1024;

/**
 * Most keys in one file. A key of a whole day takes 31 bytes where nothing compresses (2 of frame, 18 of key, 2 risk,
 * 5 start, 2 report type, 2 onset: reference 1.2), so the largest zip that is read has room for 2.1 million.
 */
export const mostKeysInFile = 2_000_000;

/** Which public key verifies a signature; empty strings are left out of the file. */
export interface SignatureInfo {
  readonly keyId: string;
  readonly keyVersion: string;
}

/** Fields 1 to 3 of the file. */
export interface ExportHeader {
  /** Start of the batch; whole seconds count. */
  readonly startTimestamp: Date;
  /** End of the batch, plus the file's number in seconds where files must differ. */
  readonly endTimestamp: Date;
  readonly region: string;
}

/** The two lists of keys in a file. */
export type KeyList = 'keys' | 'revisedKeys';
