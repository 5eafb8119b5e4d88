/** The claims of a certificate: their names, their types, and what they may be (reference 3.1, 3.3). */
import { AppError } from '../../domain/errors.ts';
import { JsonReader } from '../../domain/publish-body/json-reader.ts';

/** Claims as they stand in the certificate; an absent text is empty, an absent number undefined. */
export interface CertificateClaims {
  readonly iss: string;
  readonly aud: string;
  readonly exp: number | undefined;
  readonly iat: number | undefined;
  readonly nbf: number | undefined;
  readonly reportType: string;
  readonly tekmac: string;
  readonly symptomOnsetInterval: number;
}

/** What came out: claims, or what is wrong with them. */
export type ParsedClaims =
  { readonly claims: CertificateClaims; readonly fault?: never } | { readonly claims?: never; readonly fault: string };

type Kind = 'a string' | 'an integer' | 'an unsigned 32-bit integer';

/** Names are matched without case; all that is not listed is ignored. */
const kinds = new Map<string, { readonly name: string; readonly kind: Kind }>(
  Object.entries({
    iss: 'a string',
    aud: 'a string',
    sub: 'a string',
    jti: 'a string',
    exp: 'an integer',
    iat: 'an integer',
    nbf: 'an integer',
    reportType: 'a string',
    tekmac: 'a string',
    symptomOnsetInterval: 'an unsigned 32-bit integer',
  } as const satisfies Record<string, Kind>).map(([name, kind]) => [name.toLowerCase(), { name, kind }]),
);

type Found = Record<string, string | number>;

/**
 * Reads the JSON object that the claims are, and checks the type of every claim that counts: null is absent, and of a
 * name given twice the last one counts. What follows the object is ignored.
 */
export function parseClaims(json: Buffer): ParsedClaims {
  const reader = new JsonReader(json);
  const found: Found = {};
  try {
    if (reader.kind() !== 'object') return notAnObject;
    const fault = readClaims(reader, found);
    return fault === undefined ? { claims: claimsOf(found) } : { fault };
  } catch (error) {
    if (error instanceof AppError) return notAnObject;
    throw error;
  }
}

const notAnObject: ParsedClaims = { fault: 'claims must be a JSON object' };

/** Fills `found`; gives the first claim of a wrong type, if what follows it is JSON. */
function readClaims(reader: JsonReader, found: Found): string | undefined {
  let fault: string | undefined;
  for (let more = reader.enter(); more; more = reader.more('object')) {
    const claim = kinds.get(fold(reader.name()));
    if (claim === undefined || reader.kind() === 'null') {
      reader.skip();
      continue;
    }
    const value = readValue(reader);
    if (isOfKind(value, claim.kind)) found[claim.name] = value;
    else fault ??= `claim "${claim.name}" must be ${claim.kind}`;
  }
  return fault;
}

/** Unicode's simple case folding as far as it meets ASCII: U+212A is a k, U+017F an s, as in requests (reference 1.4). */
function fold(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's');
}

/** undefined for what can be no claim: a number with a fraction or an exponent is none, even where it stands for an integer. */
function readValue(reader: JsonReader): string | number | undefined {
  const kind = reader.kind();
  if (kind === 'string') return reader.string();
  if (kind !== 'number') {
    reader.skip();
    return undefined;
  }
  const written = reader.number();
  if (typeof written === 'number') return written;
  return /^-?\d+$/.test(written) ? Number(written) : undefined;
}

function isOfKind(value: string | number | undefined, kind: Kind): value is string | number {
  if (kind === 'a string') return typeof value === 'string';
  if (!Number.isSafeInteger(value)) return false;
  return kind === 'an integer' || ((value as number) >= 0 && (value as number) <= 0xffff_ffff);
}

function claimsOf(found: Found): CertificateClaims {
  const text = (name: string) => (typeof found[name] === 'string' ? found[name] : '');
  const number = (name: string) => (typeof found[name] === 'number' ? found[name] : undefined);
  return {
    iss: text('iss'),
    aud: text('aud'),
    exp: number('exp'),
    iat: number('iat'),
    nbf: number('nbf'),
    reportType: text('reportType'),
    tekmac: text('tekmac'),
    symptomOnsetInterval: number('symptomOnsetInterval') ?? 0,
  };
}
