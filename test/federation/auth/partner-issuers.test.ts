/** What calls of strangers cost the database. */
import { expect, it, vi } from 'vitest';
import { PartnerIssuers } from '../../../src/federation/auth/partner-issuers.ts';
import { partnerOf, startAuthority } from './authority.ts';

it('any number of strangers at once are told from partners by two questions to the database', async () => {
  await using authority = await startAuthority();
  await authority.addPartner(partnerOf('https://id.bb.example'));
  const query = vi.spyOn(authority.database, 'query');
  const issuers = new PartnerIssuers(authority.database);
  const early = Array.from({ length: 200 }, (_, n) => issuers.has(`https://${String(n)}.example`));
  // The first question is under way by then, and the rest wait for the one after it.
  await vi.waitUntil(() => query.mock.calls.length > 0);
  const late = [
    issuers.has('https://id.bb.example'),
    ...Array.from({ length: 200 }, () => issuers.has('https://x.example')),
  ];
  expect(await Promise.all(early)).toEqual(Array(200).fill(false));
  expect(await Promise.all(late)).toEqual([true, ...(Array(200).fill(false) as boolean[])]);
  expect(query).toHaveBeenCalledTimes(2);
});

it('a partner that is configured while others are asked about is known to whoever asks then', async () => {
  await using authority = await startAuthority();
  const issuers = new PartnerIssuers(authority.database);
  const before = issuers.has('https://id.bb.example');
  await authority.addPartner(partnerOf('https://id.bb.example'));
  expect(await issuers.has('https://id.bb.example')).toBe(true);
  expect(typeof (await before)).toBe('boolean');
});

it('a question that failed is asked again by the next one', async () => {
  await using authority = await startAuthority();
  await authority.addPartner(partnerOf('https://id.bb.example'));
  vi.spyOn(authority.database, 'query').mockRejectedValueOnce(new Error('gone'));
  const issuers = new PartnerIssuers(authority.database);
  await expect(issuers.has('https://id.bb.example')).rejects.toThrow('gone');
  expect(await issuers.has('https://id.bb.example')).toBe(true);
});
