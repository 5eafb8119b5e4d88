/** Between the contract's messages and ours. */
import type * as proto from '../../gen/enmesh/export/v1/mirror.ts';
import type { MirrorState } from '../../storage/mirrors/mirrors.ts';

/** Where a mirror stands. */
export function mirrorToWire(state: MirrorState): proto.Mirror {
  return {
    name: state.name,
    listedFiles: state.listedFiles,
    mirroredFiles: state.mirroredFiles,
    copiedFiles: state.copiedFiles,
    deletedFiles: state.deletedFiles,
    failedFiles: state.failedFiles,
    completedAt: state.completedAt ?? undefined,
    lastError: state.lastError ?? '',
  };
}
