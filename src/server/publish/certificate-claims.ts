/** The claims of a certificate: their names, their types, and what they may be (reference 3.1, 3.3). */

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

/** Checks the type of every claim that counts; null is absent, and of a name given twice the last one counts. */
export function parseClaims(payload: object): ParsedClaims {
  const found: Record<string, string | number> = {};
  for (const [sentName, value] of Object.entries(payload)) {
    const claim = kinds.get(sentName.toLowerCase());
    if (!claim || value === null) continue;
    if (!isOfKind(value, claim.kind)) return { fault: `claim "${claim.name}" must be ${claim.kind}` };
    found[claim.name] = value;
  }
  const text = (name: string) => (typeof found[name] === 'string' ? found[name] : '');
  const number = (name: string) => (typeof found[name] === 'number' ? found[name] : undefined);
  return {
    claims: {
      iss: text('iss'),
      aud: text('aud'),
      exp: number('exp'),
      iat: number('iat'),
      nbf: number('nbf'),
      reportType: text('reportType'),
      tekmac: text('tekmac'),
      symptomOnsetInterval: number('symptomOnsetInterval') ?? 0,
    },
  };
}

function isOfKind(value: unknown, kind: Kind): value is string | number {
  if (kind === 'a string') return typeof value === 'string';
  if (!Number.isSafeInteger(value)) return false;
  return kind === 'an integer' || ((value as number) >= 0 && (value as number) <= 0xffff_ffff);
}
