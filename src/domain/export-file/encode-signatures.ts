/** The content of `export.sig`. */
import { bytesField, varintField } from './encode-fields.ts';
import { encodeSignatureInfo } from './encode-header.ts';
import type { SignatureInfo } from './format.ts';

/** One signature over all bytes of `export.bin`. */
export interface ExportSignature {
  readonly info: SignatureInfo;
  /** ASN.1 DER. */
  readonly signature: Uint8Array;
}

/** The message `TEKSignatureList`, in the order of the infos in `export.bin` (reference 1.3). */
export function encodeSignatureList(signatures: readonly ExportSignature[]): Buffer {
  return Buffer.concat(signatures.map((signature) => bytesField(1, encodeSignature(signature))));
}

function encodeSignature({ info, signature }: ExportSignature): Buffer {
  return Buffer.concat([
    bytesField(1, encodeSignatureInfo(info)),
    varintField(2, 1),
    varintField(3, 1),
    bytesField(4, signature),
  ]);
}
