/** Signed files as another authority's own software may write them: any bytes, any keys in any order (protobufjs, none of our encoders). */
import protobuf from 'protobufjs';
import { signBytes, type SampleSigner } from '../../support/export-file.ts';
import { makeZip } from '../../support/zip.ts';

const proto = protobuf.loadSync(new URL('../../../proto/tek_export.proto', import.meta.url).pathname);
const exportType = proto.lookupType('TemporaryExposureKeyExport');
const signatureType = proto.lookupType('TEKSignatureList');

/** Before every `export.bin`. */
export const header = Buffer.from('EK Export v1    ');

/** A key as the schema names its fields; what is left out is absent. */
export interface ForeignKey {
  readonly keyData: Buffer;
  readonly transmissionRiskLevel?: number;
  readonly rollingStartIntervalNumber?: number;
  readonly rollingPeriod?: number;
  readonly reportType?: number;
  readonly daysSinceOnsetOfSymptoms?: number;
}

/** An `export.bin` with these keys. */
export function foreignBin(content: {
  readonly keys?: readonly ForeignKey[];
  readonly revisedKeys?: readonly ForeignKey[];
}): Buffer {
  return Buffer.concat([header, exportType.encode(exportType.fromObject(content)).finish()]);
}

/** The zip of an `export.bin`, signed by whoever has the key. */
export async function signedZip(bin: Buffer, signer: SampleSigner): Promise<Buffer> {
  const { keyId, keyVersion } = signer.info;
  const signature = await signBytes(signer, bin);
  const signatureInfo = { verificationKeyId: keyId, verificationKeyVersion: keyVersion };
  const sig = signatureType.encode(signatureType.fromObject({ signatures: [{ signatureInfo, signature }] })).finish();
  return makeZip([
    { name: 'export.bin', content: bin },
    { name: 'export.sig', content: Buffer.from(sig) },
  ]);
}
