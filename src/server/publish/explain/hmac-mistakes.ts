/** Finds out which usual mistakes lead to an HMAC: tried one by one, and two together. */
import type { ReportType } from '../../../domain/publish/report-type.ts';
import type { SentKey } from '../../../domain/publish/request.ts';
import { bytesOf, macOf, mistakeGroups, right, withoutRisk, type Mistake, type Recipe } from './hmac-recipe.ts';

/** What a certificate and a request come with. */
export interface HmacFacts {
  readonly keys: readonly SentKey[];
  /** As sent. */
  readonly hmacKey: string;
  /** As in the certificate. */
  readonly tekmac: string;
  readonly reportType: ReportType;
}

/** Mistakes that are looked for together, at most: each further one takes ten times as long. */
const mostMistakes = 2;

/**
 * The mistakes that lead to the certificate's `tekmac`, as few as possible; undefined = none that is known does.
 * @returns what the phone did, each to be read after "you"
 */
export function findHmacMistakes(facts: HmacFacts): readonly string[] | undefined {
  const readings = readingsOf(facts.tekmac);
  const bases = facts.keys.some(({ transmissionRisk }) => transmissionRisk !== 0n)
    ? [right]
    : [right, { ...right, fields: withoutRisk }];
  const made = (mistakes: readonly Mistake[], keys = facts.keys) => {
    const parts = mistakes.map(({ part }) => part);
    const macs = bases.map((base) => macOf(Object.assign({}, base, ...parts) as Recipe, keys, facts.hmacKey));
    return readings.find(({ bytes }) => macs.some((mac) => mac.equals(bytes)));
  };
  const leftOut = facts.keys.findIndex((_, index) => made([], facts.keys.toSpliced(index, 1)));
  if (leftOut !== -1) return [`had the certificate made without key ${String(leftOut)}`];
  const groups = mistakeGroups(facts.reportType);
  for (let count = 0; count <= mostMistakes; count++) {
    for (const mistakes of choices(groups, count)) {
      const reading = made(mistakes);
      if (reading) return [...mistakes.map(({ told }) => told), ...reading.told];
    }
  }
  return undefined;
}

/** What a `tekmac` may have been meant to be. */
function readingsOf(tekmac: string): readonly { readonly bytes: Buffer; readonly told: readonly string[] }[] {
  const bytes = bytesOf(tekmac);
  return [
    { bytes, told: [] },
    { bytes: Buffer.from(tekmac, 'hex'), told: ['wrote tekmac in hex; it is base64'] },
    {
      bytes: Buffer.from(bytes.toString('latin1'), 'hex'),
      told: ['wrote the base64 of hex characters into tekmac; it is the base64 of the bytes'],
    },
  ];
}

/** Every choice of `count` mistakes from different groups. */
function* choices(groups: readonly (readonly Mistake[])[], count: number): Generator<readonly Mistake[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (const [index, group] of groups.entries()) {
    for (const rest of choices(groups.slice(index + 1), count - 1)) {
      for (const mistake of group) yield [mistake, ...rest];
    }
  }
}
