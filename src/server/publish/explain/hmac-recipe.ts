/** How an HMAC over keys is made, and the usual ways to make it wrong. */
import { createHash, createHmac } from 'node:crypto';
import { decodeLenientBase64 } from '../../../domain/publish/base64.ts';
import { transmissionRiskOf, type ReportType } from '../../../domain/publish/report-type.ts';
import type { SentKey } from '../../../domain/publish/request.ts';

/** How an HMAC is made; each mistake replaces one part. Texts have one character a byte. */
export interface Recipe {
  readonly spell: (key: string) => string;
  readonly order: (keys: readonly SentKey[]) => readonly SentKey[];
  readonly fields: (sent: SentKey, key: string) => readonly (string | number | bigint)[];
  readonly join: (texts: readonly string[]) => string;
  readonly digest: (text: string, secret: Buffer) => Buffer;
  readonly secret: (hmacKey: string) => Buffer;
}

/** One way to make it wrong. */
export interface Mistake {
  /** What the phone did, after "you". */
  readonly told: string;
  readonly part: Partial<Recipe>;
}

/** Lenient base64; empty when it is none. */
export const bytesOf = (text: string): Buffer => decodeLenientBase64(text).bytes ?? Buffer.alloc(0);
const sorted = (compare: (a: SentKey, b: SentKey) => number) => (keys: readonly SentKey[]) => keys.toSorted(compare);
/** The short form, which counts only when no key has a risk. */
export const withoutRisk = (
  { rollingStartNumber, rollingPeriod }: SentKey,
  key: string,
): readonly (string | number)[] => [key, rollingStartNumber, rollingPeriod];

/** The form that always counts (reference 3.4). */
export const right: Recipe = {
  spell: (key) => Buffer.from(key).toString('latin1'),
  order: sorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))),
  fields: (sent, key) => [...withoutRisk(sent, key), sent.transmissionRisk],
  join: (texts) => texts.join(','),
  digest: (text, secret) => createHmac('sha256', secret).update(text, 'latin1').digest(),
  secret: bytesOf,
};

const spellings: readonly Mistake[] = [
  {
    told: 'wrote the keys in standard base64 with padding, not as they were sent',
    part: { spell: (key) => bytesOf(key).toString('base64') },
  },
  {
    told: 'wrote the keys in base64 without padding, not as they were sent',
    part: { spell: (key) => bytesOf(key).toString('base64').replace(/=+$/, '') },
  },
  {
    told: 'wrote the keys in URL-safe base64, not as they were sent',
    part: { spell: (key) => bytesOf(key).toString('base64url') },
  },
  {
    told: 'wrote the keys in URL-safe base64 with padding, not as they were sent',
    part: { spell: (key) => bytesOf(key).toString('base64').replaceAll('+', '-').replaceAll('/', '_') },
  },
  {
    told: 'wrote the keys in hex, not in base64 as they were sent',
    part: { spell: (key) => bytesOf(key).toString('hex') },
  },
  {
    told: 'wrote the keys in upper-case hex, not in base64 as they were sent',
    part: { spell: (key) => bytesOf(key).toString('hex').toUpperCase() },
  },
  {
    told: "used the keys' decoded bytes, not the base64 characters as sent",
    part: { spell: (key) => bytesOf(key).toString('latin1') },
  },
];

const orders: readonly Mistake[] = [
  {
    told: "took the keys in the request's order; they must be sorted by their base64 characters",
    part: { order: (keys) => keys },
  },
  {
    told: 'sorted the keys by their decoded bytes; it must be by their base64 characters',
    part: { order: sorted((a, b) => Buffer.compare(bytesOf(a.key), bytesOf(b.key))) },
  },
  {
    told: 'sorted the keys without regard to case, or by the rules of a language; it must be by ASCII',
    part: { order: sorted((a, b) => a.key.localeCompare(b.key, 'en')) },
  },
  {
    told: 'sorted the keys by their start; it must be by their base64 characters',
    part: { order: sorted((a, b) => a.rollingStartNumber - b.rollingStartNumber) },
  },
  {
    told: 'sorted the keys by their start, newest first; it must be by their base64 characters',
    part: { order: sorted((a, b) => b.rollingStartNumber - a.rollingStartNumber) },
  },
  {
    told: 'sorted the keys in descending order; it must be ascending',
    part: { order: sorted((a, b) => Buffer.compare(Buffer.from(b.key), Buffer.from(a.key))) },
  },
];

function fieldMistakes(reportType: ReportType): readonly Mistake[] {
  return [
    {
      told: 'left out the 4th field, the transmission risk; that counts only when no key has one',
      part: { fields: withoutRisk },
    },
    {
      told: 'left out the 4th field of keys without a transmission risk while others have one; it is 0 there',
      part: {
        fields: (sent, key) => [
          ...withoutRisk(sent, key),
          ...(sent.transmissionRisk === 0n ? [] : [sent.transmissionRisk]),
        ],
      },
    },
    {
      told: 'took a 4th field that the request does not send: transmissionRisk is missing there, so it counts as 0',
      part: {
        fields: (sent, key) => [
          ...withoutRisk(sent, key),
          transmissionRiskOf(reportType, Number(sent.transmissionRisk)),
        ],
      },
    },
    {
      told: 'left the 4th field empty where there is no transmission risk; it is 0',
      part: {
        fields: (sent, key) => [...withoutRisk(sent, key), sent.transmissionRisk === 0n ? '' : sent.transmissionRisk],
      },
    },
    {
      told: 'took rollingPeriod before rollingStartNumber',
      part: { fields: (sent, key) => [key, sent.rollingPeriod, sent.rollingStartNumber, sent.transmissionRisk] },
    },
  ];
}

const joins: readonly Mistake[] = [
  { told: 'put spaces between the keys', part: { join: (texts) => texts.join(', ') } },
  { told: 'ended the text with a comma', part: { join: (texts) => `${texts.join(',')},` } },
  { told: 'ended the text with a line break', part: { join: (texts) => `${texts.join(',')}\n` } },
  { told: 'put nothing between the keys', part: { join: (texts) => texts.join('') } },
];

const secrets: readonly Mistake[] = [
  {
    told: 'used the characters of hmacKey as the secret, not the bytes that they stand for',
    part: { secret: (text) => Buffer.from(text) },
  },
  { told: 'read hmacKey as hex; it is base64', part: { secret: (text) => Buffer.from(text, 'hex') } },
  { told: 'used an empty secret', part: { secret: () => Buffer.alloc(0) } },
];

const digests: readonly Mistake[] = [
  {
    told: 'made a SHA-256 without a secret, not an HMAC',
    part: { digest: (text) => createHash('sha256').update(text, 'latin1').digest() },
  },
  {
    told: 'used HMAC-SHA-512; it is HMAC-SHA-256',
    part: { digest: (text, secret) => createHmac('sha512', secret).update(text, 'latin1').digest() },
  },
  {
    told: 'used HMAC-SHA-1; it is HMAC-SHA-256',
    part: { digest: (text, secret) => createHmac('sha1', secret).update(text, 'latin1').digest() },
  },
];

/** Mistakes by the part that they replace; one of each group can be made. */
export function mistakeGroups(reportType: ReportType): readonly (readonly Mistake[])[] {
  return [spellings, orders, fieldMistakes(reportType), joins, secrets, digests];
}

/** The HMAC that a recipe makes. */
export function macOf(
  { spell, order, fields, join, digest, secret }: Recipe,
  keys: readonly SentKey[],
  hmacKey: string,
): Buffer {
  const texts = order(keys).map((sent) => fields(sent, spell(sent.key)).map(String).join('.'));
  return digest(join(texts), secret(hmacKey));
}
