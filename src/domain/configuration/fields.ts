/** Schemas of single values in a configuration file. A message says what is wanted. */
import { z } from 'zod';
import { isFilenameRoot } from '../export/file-name.ts';
import { mostKeysInFile } from '../export-file/format.ts';
import { isRegion, normalRegion } from '../region.ts';
import { parseDuration } from './duration.ts';

/** Ten years: longer than anything that is configured. */
const mostSeconds = 3650 * 86_400;

/** A field that may be left out or null. */
export function optional<Out, In>(schema: z.ZodType<Out, In>): z.ZodType<Out | null> {
  return schema.nullish().transform((value) => value ?? null);
}

/** A field with a value of its own when it is left out or null. */
export function withDefault<Out, In>(schema: z.ZodType<Out, In>, fallback: Out): z.ZodType<Out> {
  return schema.nullish().transform((value) => value ?? fallback);
}

/** A list that is empty when it is left out or null. */
export function list<Out, In>(item: z.ZodType<Out, In>): z.ZodType<readonly Out[]> {
  return withDefault<readonly Out[], In[]>(z.array(item), []);
}

/** Text of 1 to `most` characters, none of them a control character. */
export function text(most: number): z.ZodType<string, string> {
  return z.string().regex(new RegExp(`^[^\\p{Cc}]{1,${String(most)}}$`, 'u'), {
    error: `wants text of 1 to ${String(most)} characters on one line`,
  });
}

/** What things are called, on command lines and in metrics too. */
export const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, {
  error: 'wants a name of letters, digits, dots, dashes and underscores, at most 100',
});

/** Kept in lower case, as requests are matched. */
export const appId = z
  .string()
  .regex(/^[\x21-\x7e]{1,200}$/, { error: 'wants an id of 1 to 200 ASCII characters without spaces' })
  .transform((value) => value.toLowerCase());

/** Kept in upper case. */
export const region = z.string().transform(normalRegion).refine(isRegion, {
  error: 'wants a region of 1 to 20 letters, digits and dashes, such as AA or US-WA',
});

/** Regions, each once. */
export const regions = list(region).transform((values): readonly string[] => [...new Set(values)]);

/** At least one region. */
export const someRegions = regions.refine((values) => values.length > 0, { error: 'wants at least one region' });

/** `4h` → seconds, at least one. */
export const seconds = z.string().transform((value, context) => {
  const result = parseDuration(value);
  if (result !== undefined && result >= 1 && result <= mostSeconds) return result;
  context.addIssue({ code: 'custom', message: 'wants a duration such as 90s, 15m, 4h or 14d' });
  return z.NEVER;
});

/** `2026-01-01T00:00:00Z`, with a zone, or a day in UTC. */
export const time = z.union([z.date(), z.string()]).transform((value, context) => {
  const isWritten =
    value instanceof Date || /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(value);
  const result = new Date(isWritten ? value : Number.NaN);
  if (!Number.isNaN(result.getTime())) return result;
  context.addIssue({ code: 'custom', message: 'wants a time with its zone, such as 2026-01-01T00:00:00Z' });
  return z.NEVER;
});

/** How many keys a file may hold. */
export const keysInFile = z.int().refine((value) => value >= 1 && value <= mostKeysInFile, {
  error: `wants a number from 1 to ${String(mostKeysInFile)}, beyond which files cannot be read; a batch of more keys becomes several files`,
});

/** https, or http on a loopback address: whether that is allowed is the installation's to say. */
export const url = z.string().refine(isHttpsOrLoopback, { error: 'wants an https URL without user and fragment' });

/** HOST:PORT, IPv6 in brackets. */
export const hostAndPort = z.string().refine(
  (value) => {
    const match = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9]([A-Za-z0-9._-]{0,252})):(\d{1,5})$/.exec(value);
    return match !== null && Number(match[2]) >= 1 && Number(match[2]) <= 65_535;
  },
  { error: 'wants HOST:PORT, such as federation.example.org:443' },
);

/** One PEM block with this label, its line ends made alike. */
export function pem(label: string): z.ZodType<string, string> {
  const block = new RegExp(`^-----BEGIN ${label}-----\\n[A-Za-z0-9+/=\\n]{1,10000}\\n-----END ${label}-----$`);
  return z
    .string()
    .transform((value) => value.replaceAll('\r', '').trim())
    .refine((value) => block.test(value), { error: `wants PEM text that begins -----BEGIN ${label}-----` })
    .transform((value) => `${value}\n`);
}

/** An SPKI public key. That it lies on P-256 is checked where keys can be read. */
export const publicKeyPem = pem('PUBLIC KEY');

/** A bucket of the blob store. */
export const bucket = z
  .string()
  .refine((value) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,221}$/.test(value) && !value.includes('..'), {
    error: 'wants a bucket name of letters, digits, dots, dashes and underscores',
  });

/** First part of object names; its parts between slashes can never lead elsewhere. */
export const filenameRoot = z.string().refine(isFilenameRoot, {
  error:
    'wants letters, digits, dots, dashes and underscores in parts separated by single slashes, such as aa or v1/aa',
});

/** A secret stays out of the configuration: only its reference may stand there. */
export const secretReference = z.string().refine((value) => /^secret:\/\/[a-z]+\/\S{1,500}$/.test(value), {
  error: 'wants a secret reference such as secret://file/PATH, never the secret itself',
});

/** Base64 of 32 bytes, in the standard or the URL-safe alphabet. */
export const sha256 = z
  .string()
  .refine((value) => /^[A-Za-z0-9+/_-]{43}=?$/.test(value), { error: 'wants the base64 of a SHA-256 digest' });

/** True for http on this machine. */
export function isLoopbackHttp(value: string): boolean {
  const { protocol, hostname } = new URL(value);
  return (
    protocol === 'http:' && (/^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === '[::1]' || hostname === 'localhost')
  );
}

function isHttpsOrLoopback(value: string): boolean {
  if (value.length > 1000 || !URL.canParse(value)) return false;
  const { protocol, username, password, hash } = new URL(value);
  return username === '' && password === '' && hash === '' && (protocol === 'https:' || isLoopbackHttp(value));
}
