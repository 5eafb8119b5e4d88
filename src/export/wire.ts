/** Between the contract's messages and ours. */
import type { Batch, BatchStatus, ExportFile } from '../domain/export/batch.ts';
import * as proto from '../gen/enmesh/export/v1/export.ts';
import type { PublicKeyVersion } from '../storage/exports/signing-keys.ts';

const statuses: Record<BatchStatus, proto.BatchStatus> = {
  open: proto.BatchStatus.OPEN,
  pending: proto.BatchStatus.PENDING,
  complete: proto.BatchStatus.COMPLETE,
  deleted: proto.BatchStatus.DELETED,
};

/** A batch with its files. */
export function batchToWire(batch: Batch, files: readonly ExportFile[]): proto.Batch {
  return {
    id: BigInt(batch.id),
    exportName: batch.exportName,
    start: batch.windowStart,
    end: batch.windowEnd,
    status: statuses[batch.status],
    attempts: batch.attempts,
    lastError: batch.lastError ?? '',
    files: files.map(fileToWire),
    notBefore: batch.notBefore ?? undefined,
  };
}

function fileToWire(file: ExportFile): proto.File {
  return {
    name: file.name,
    keys: file.counts.keys,
    revisedKeys: file.counts.revisedKeys,
    size: BigInt(file.size ?? 0),
  };
}

/** One version of a signing key. */
export function publicKeyToWire(key: PublicKeyVersion): proto.PublicKey {
  return {
    keyId: key.keyId,
    keyVersion: key.keyVersion,
    publicKeyPem: key.publicKeyPem,
    from: key.from,
    thru: key.thru ?? undefined,
  };
}

/** A signing key, its versions newest first. */
export function signingKeyToWire(name: string, versions: readonly PublicKeyVersion[]): proto.SigningKey {
  return { name, versions: versions.map(publicKeyToWire) };
}
