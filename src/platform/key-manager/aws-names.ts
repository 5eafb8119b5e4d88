/** What an operator calls a key of AWS KMS, and what its versions are called. */
import { invalidKeyName } from './faults.ts';

/** A key that has an alias, and perhaps later versions; or one key alone. */
export type AwsKeyName =
  | { readonly kind: 'alias'; readonly id: string }
  | { readonly kind: 'key'; readonly id: string; readonly isArn: boolean };

const keyId = /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$/;
const arn = /^arn:[\w-]+:kms:\S{1,300}$/;
const aliasName = /^(?!aws\/)[A-Za-z0-9/_-]{1,240}$/;

/**
 * A key id, an ARN of a key or alias, `alias/NAME`, or the bare NAME of an alias.
 * @throws AppError `invalid`/`invalid_key_name`
 */
export function parseAwsKeyName(name: string): AwsKeyName {
  if (arn.test(name)) return { kind: 'key', id: name, isArn: true };
  if (keyId.test(name)) return { kind: 'key', id: name, isArn: false };
  const bare = name.replace(/^alias\//, '');
  if (!aliasName.test(bare)) {
    throw invalidKeyName(
      'a key id, an ARN, or an alias: up to 240 of a-z, A-Z, 0-9, slash, underscore and hyphen, not beginning with aws/',
    );
  }
  return { kind: 'alias', id: `alias/${bare}` };
}

/** True for what a version of a key can be called. */
export function isAwsVersion(version: string): boolean {
  return keyId.test(version) || arn.test(version);
}

/** The key's first version has the alias itself, the second `alias/NAME/v2`, and so on. */
export function versionAlias(alias: string, number: number): string {
  return number === 1 ? alias : `${alias}/v${String(number)}`;
}

/** Which version of `alias` another alias is; null for one of another key. */
export function versionNumber(alias: string, other: string): number | null {
  if (other === alias) return 1;
  const match = other.startsWith(`${alias}/v`) ? /^([2-9]|[1-9]\d{1,5})$/.exec(other.slice(alias.length + 2)) : null;
  return match === null ? null : Number(match[1]);
}
