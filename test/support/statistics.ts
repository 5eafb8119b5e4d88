/** Counters put into a database as a publish counts, and tokens that read them. */
import { sign, type KeyObject } from 'node:crypto';
import { slots } from '../../src/domain/publish/statistics.ts';
import type { Queryable } from '../../src/storage/database.ts';

/** A row of slots, those that are not named 0. */
export function slotRow(changes: Readonly<Record<number, number>>): number[] {
  return Array.from({ length: slots.end }, (_, slot) => changes[slot] ?? 0);
}

/** Counts in an authority's hour: by default, so many publishes of Android phones. */
export async function countPublishes(
  database: Queryable,
  authorityId: number,
  hour: string,
  changes: Readonly<Record<number, number>> | number,
): Promise<void> {
  const row = slotRow(typeof changes === 'number' ? { 1: changes } : changes);
  await database.query('select count_publishes($1, $2, $3)', [[authorityId], [new Date(hour)], [row]]);
}

/** What a token is made of; members of `claims` and `header` that are undefined are left out. */
export interface TokenOptions {
  readonly now: Date;
  readonly privateKey: KeyObject;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** A token that holds, made with none of the product's code. */
export function statsToken({ now, privateKey, claims, header }: TokenOptions): string {
  const iat = Math.floor(now.getTime() / 1000);
  const payload = { aud: 'keyserver', exp: iat + 300, iat, iss: 'https://verify.example.org', ...claims };
  const input = `${segment({ alg: 'ES256', kid: 'v1', typ: 'JWT', ...header })}.${segment(payload)}`;
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

function segment(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
