/** Recomputes every number of docs/publishing-keys.md, and publishes what it publishes. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hmacTexts } from '../../src/domain/publish/hmac-text.ts';
import { intervalOf, startOfInterval } from '../../src/domain/publish/interval.ts';
import { reportTypeCodes, transmissionRiskOf, type ReportType } from '../../src/domain/publish/report-type.ts';
import { planRevisions } from '../../src/domain/publish/revision.ts';
import { answerExample, publishExample } from '../../src/gateway/openapi/example.ts';
import { clientCodes } from '../../src/gateway/codes.ts';
import { startInstallation, type Installation } from '../conformance/support/installation.ts';
import { documentOf, expectDescribed } from '../gateway/openapi/described.ts';
import type { PublishJson } from '../gateway/support/gateway.ts';
import { publishSettings, storedRows } from '../server/publish/publisher.ts';
import type { PublishBody } from '../support/phone.ts';
import { block, document, jsonBlock, plain, tableRows } from './markdown.ts';

const markdown = document('publishing-keys.md');
const authorities = document('verification-servers.md');
const now = new Date('2026-03-15T13:47:30Z');
const request = jsonBlock(markdown, 'request') as PublishBody;
const revision = jsonBlock(markdown, 'revision') as PublishBody;
const claims = claimsOf(request);

interface Claims {
  readonly iat: number;
  readonly exp: number;
  readonly reportType: string;
  readonly symptomOnsetInterval: number;
  readonly tekmac: string;
}

function claimsOf({ verificationPayload }: PublishBody): Claims {
  return JSON.parse(Buffer.from(verificationPayload.split('.')[1] ?? '', 'base64url').toString()) as Claims;
}

function sentKeys({ temporaryExposureKeys }: PublishBody) {
  return temporaryExposureKeys.map((key) => ({ ...key, transmissionRisk: BigInt(key.transmissionRisk ?? 0) }));
}

function macOf(body: PublishBody): string {
  return createHmac('sha256', Buffer.from(body.hmacKey, 'base64'))
    .update(hmacTexts(sentKeys(body))[0] ?? '')
    .digest('base64');
}

function minutes(time: Date): string {
  return time.toISOString().slice(0, 16).replace('T', ' ');
}

describe('the worked example', () => {
  it('is the one of /openapi.json', () => {
    expect(request).toEqual(publishExample);
    expect(jsonBlock(markdown, 'answer')).toEqual(answerExample);
  });

  it('is told at its present', () => {
    expect(markdown).toContain(`Now is interval ${String(intervalOf(now))}.`);
  });

  it('tells when each key was used', () => {
    const rows = tableRows(
      markdown,
      ...['`key`', '`rollingStartNumber`', '`rollingPeriod`', 'from', 'to', 'days since onset'],
    );
    const told = sentKeys(request).map(({ key, rollingStartNumber: start, rollingPeriod: period }) => [
      `\`${key}\``,
      String(start),
      String(period),
      minutes(startOfInterval(start)),
      minutes(startOfInterval(start + period)),
    ]);
    expect(rows.map((row) => row.slice(0, 5))).toEqual(told);
  });

  it('tells the text under the HMAC, the secret and the HMAC', () => {
    const [text = ''] = hmacTexts(sentKeys(request));
    expect(block(markdown, 'hmac-text')).toBe(text);
    const [row] = tableRows(markdown, 'secret', '`hmacKey` (its base64)', 'HMAC (`tekmac`)');
    const secret = Buffer.from(Array.from({ length: 32 }, (_, index) => index + 1));
    expect(row?.[0]).toBe('32 random bytes, here 01 02 03 … 20 (hex)');
    expect(plain(row?.[1])).toBe(secret.toString('base64'));
    expect(request.hmacKey).toBe(secret.toString('base64'));
    expect(plain(row?.[2])).toBe(macOf(request));
    expect(claims.tekmac).toBe(macOf(request));
  });

  it('tells what its certificate says', () => {
    const onset = `since interval ${String(claims.symptomOnsetInterval)} (${minutes(startOfInterval(claims.symptomOnsetInterval))})`;
    expect(markdown.replaceAll(/\s+/g, ' ')).toContain(`it says \`${claims.reportType}\`, with symptoms ${onset}`);
    expect(markdown).toContain(`it ends ${String((claims.exp - claims.iat) / 60)} minutes after it was made`);
  });

  it('revises the same keys under another secret', () => {
    expect(revision.temporaryExposureKeys).toEqual(request.temporaryExposureKeys);
    expect(Buffer.from(revision.hmacKey, 'base64').toString('hex')).toMatch(/^210203.*20$/);
    expect(claimsOf(revision)).toMatchObject({ reportType: 'confirmed', tekmac: macOf(revision) });
    expect(markdown).toContain(`(here 21 02 03 … 20, HMAC \`${macOf(revision)}\`)`);
    expect(revision.revisionToken).toBe(answerExample.revisionToken);
  });

  describe('sent to an installation', () => {
    let installation: Installation;
    beforeAll(async () => {
      installation = await startInstallation({ now });
      // The sample authority of an installation has another key.
      await installation.database.query('update health_authority_keys set public_key_pem = $1', [
        block(authorities, 'public-key'),
      ]);
    });
    afterAll(async () => {
      await installation[Symbol.asyncDispose]();
    });

    async function send(body: PublishBody): Promise<PublishJson> {
      const headers = { 'content-type': 'application/json' };
      const answer = await installation.ask('/v1/publish', { method: 'POST', headers, body: JSON.stringify(body) });
      expectDescribed(await documentOf(installation), { path: '/v1/publish', method: 'post' }, answer);
      expect([answer.status, answer.text.includes('"error"')]).toEqual([200, false]);
      return JSON.parse(answer.text) as PublishJson;
    }

    it('is stored, answered and revised as the page says', async () => {
      const { padding, revisionToken = '', ...answer } = await send(request);
      expect(answer).toEqual({ insertedExposures: answerExample.insertedExposures });
      expect(padding).toBeDefined();
      expect(markdown).toContain(`${revisionToken.length.toLocaleString('en')} characters in truth`);
      const rows = await storedRows(installation.database);
      const days = tableRows(
        markdown,
        ...['`key`', '`rollingStartNumber`', '`rollingPeriod`', 'from', 'to', 'days since onset'],
      ).map((row) => Number(row[5]));
      expect(rows.map((row) => row.days_since_onset)).toEqual(days);
      expect(rows.map((row) => row.transmission_risk)).toEqual([4, 4, 4]);
      expect(rows.every((row) => row.created_at <= now)).toBe(true);

      installation.clock.set(new Date('2026-03-16T13:47:30Z'));
      const revised = await send({ ...revision, revisionToken });
      expect(revised.insertedExposures).toBeUndefined();
      expect(revised.revisionToken).not.toBe(revisionToken);
      const after = await storedRows(installation.database);
      expect(after.map((row) => row.revised_transmission_risk)).toEqual([2, 2, 2]);
    });
  });
});

describe('the rules on the page', () => {
  it('tell the risk of each report type', () => {
    const told = ['confirmed', 'likely', 'negative', 'user-report'] as const;
    const text = told.map((type) => `${type} ${String(transmissionRiskOf(type, 0))}`).join(', ');
    expect(markdown).toContain(text);
  });

  it('tell the limits that installations have by default', () => {
    const { maxKeys, maxSameStart, maxIntervalAgeSeconds, maxSymptomOnsetDays } = publishSettings;
    const text = markdown.replaceAll(/\s+/g, ' ');
    expect(text).toContain(`At most ${String(maxKeys)} keys`);
    expect(text).toContain(`it ended in the last ${String(maxIntervalAgeSeconds / 86_400)} days`);
    expect(maxSameStart).toBe(3);
    expect(text).toContain(`more than ${String(maxSymptomOnsetDays)} days from onset`);
    expect(text).toContain(`more than ${String(publishSettings.maxValidSymptomOnsetReportDays)} days ago`);
    expect(text).toContain(`taken to be ${String(publishSettings.defaultSymptomOnsetDaysAgo)} days ago`);
  });

  it('tell which report types may follow which', () => {
    const types = (Object.keys(reportTypeCodes) as ReportType[]).filter((type) => type !== 'none');
    for (const [from, to] of tableRows(markdown, 'from', 'may become')) {
      const reportType = plain(from) as ReportType;
      const allowed = types.filter((next) => next !== reportType && isAllowed(reportType, next));
      expect([from, plain(to).split(' ').toSorted()]).toEqual([
        from,
        (allowed.length ? allowed : ['nothing']).toSorted(),
      ]);
    }
  });

  it('name codes that exist', () => {
    const rows = tableRows(markdown, 'answer', 'what to do');
    const named = rows.flatMap(([answer = '']) => [...answer.matchAll(/\d `([a-z_]+)`/g)].map(([, code]) => code!));
    expect(named.filter((code) => !(code in clientCodes))).toEqual([]);
    expect(named.length).toBeGreaterThan(3);
  });
});

function isAllowed(from: ReportType, reportType: ReportType): boolean {
  const key = Buffer.alloc(16);
  const place = { key, intervalStart: 1, intervalCount: 1 };
  const sent = { ...place, index: 0, transmissionRisk: 0, daysSinceOnset: 0, embargo: null };
  const known = { ...place, reportType: from, revisedReportType: null, isLocal: true, isWithdrawn: false };
  const policy = { requiresToken: false, allowsPartial: false };
  return !('refusal' in planRevisions({ sent: [sent], known: [known], token: 'missing', reportType, policy }));
}
