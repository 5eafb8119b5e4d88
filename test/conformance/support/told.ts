/** What an answer of `/v1/publish` tells a phone, after everything that holds of each of them was checked. */
import { expect } from 'vitest';
import type { Answer, PublishJson } from '../../gateway/support/gateway.ts';

/** An answer without what is random in it. */
export interface Told {
  readonly status: number;
  /** Members as they came but for token and padding. */
  readonly said: Omit<PublishJson, 'revisionToken' | 'padding'>;
  /** Empty when there is none. */
  readonly revisionToken: string;
  readonly headers: Answer['headers'];
}

/** Reference 1.7. */
const memberOrder = ['revisionToken', 'insertedExposures', 'error', 'code', 'padding', 'warnings'];
const base64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Checks headers, order of members, escaping, padding, and that nothing stands there empty (reference 1.1, 1.7, 1.8). */
export function toldBy({ status, headers, text }: Answer): Told {
  expect(headers['content-type']).toBe('application/json');
  expect(headers['x-api-version']).toBe('v1');
  expect(text).not.toMatch(/[<>&]|\n$/);
  const json = JSON.parse(text) as PublishJson;
  const names = Object.keys(json);
  expect(names).toEqual(memberOrder.filter((name) => names.includes(name)));
  expect(Object.values(json).filter((value) => value === '' || value === 0 || String(value) === '')).toEqual([]);
  const { revisionToken = '', padding = '', ...said } = json;
  expect(padding).toMatch(base64);
  const paddingBytes = Buffer.from(padding, 'base64').length;
  expect(paddingBytes >= 1024 && paddingBytes <= 2047).toBe(true);
  if (revisionToken !== '') expect(revisionToken).toMatch(base64);
  return { status, said, revisionToken, headers };
}

/** Status and members of an answer, as a table's row has them. */
export function rowOf({ status, said }: Told): PublishJson & { readonly status: number } {
  return { status, ...said };
}
