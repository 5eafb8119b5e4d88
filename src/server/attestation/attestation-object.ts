/** Bytes → App Attest object: strict CBOR with few items. */
import { decode, Tokenizer, type DecodeOptions, type Token } from 'cborg';

/** The parts that are checked; the receipt for Apple's own service is not. */
export interface AttestationObject {
  /** DER, the device's certificate first. */
  readonly certificates: readonly Uint8Array[];
  readonly authenticatorData: Uint8Array;
}

const options: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  useMaps: true,
  rejectDuplicateMapKeys: true,
};

/** An object has about fifteen items; this also bounds how deep they may lie. */
const mostItems = 64;

/** A device's certificate, one of Apple's intermediate, and room for another. */
const mostCertificates = 3;

class FewItems extends Tokenizer {
  #count = 0;

  override next(): Token {
    if (++this.#count > mostItems) throw new Error('too many items');
    return super.next();
  }
}

/** Takes it apart; undefined for anything else. */
export function parseAttestationObject(bytes: Uint8Array): AttestationObject | undefined {
  const object = decodeCbor(bytes);
  const statement = member(object, 'attStmt');
  const certificates = member(statement, 'x5c');
  const authenticatorData = member(object, 'authData');
  if (member(object, 'fmt') !== 'apple-appattest' || !(authenticatorData instanceof Uint8Array)) return undefined;
  return isListOfBytes(certificates) ? { certificates, authenticatorData } : undefined;
}

function decodeCbor(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { ...options, tokenizer: new FewItems(bytes, options) });
  } catch {
    return undefined;
  }
}

function member(value: unknown, name: string): unknown {
  return value instanceof Map ? (value as Map<unknown, unknown>).get(name) : undefined;
}

function isListOfBytes(value: unknown): value is Uint8Array[] {
  return (
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= mostCertificates &&
    value.every((item) => item instanceof Uint8Array)
  );
}
