/** Verifies the certificate of docs/verification-servers.md with the product's code, signs it anew, and earns each refusal. */
import { createHmac, createPrivateKey, createPublicKey, sign, type JsonWebKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hmacTexts } from '../../src/domain/publish/hmac-text.ts';
import { transmissionRiskOf, isCertifiedReportType } from '../../src/domain/publish/report-type.ts';
import { publishExample, statsExample } from '../../src/gateway/openapi/example.ts';
import { createStatsService } from '../../src/server/stats/service.ts';
import { makePublisher, publishSettings, refusalOf, type Publisher } from '../server/publish/publisher.ts';
import type { PublishBody } from '../support/phone.ts';
import { block, document, jsonBlock, plain, tableRows } from './markdown.ts';

const markdown = document('verification-servers.md');
const certificate = block(markdown, 'certificate');
const header = jsonBlock(markdown, 'certificate-header') as object;
const claims = jsonBlock(markdown, 'certificate-claims') as Record<string, unknown>;
const jwk = jsonBlock(markdown, 'example-key') as JsonWebKey;
const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });

function sealed(head: object, body: object): string {
  const input = [head, body].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

describe('the worked certificate', () => {
  it('is the one of /openapi.json', () => {
    expect(certificate).toBe(publishExample.verificationPayload);
    expect(jsonBlock(markdown, 'stats-answer')).toEqual(statsExample);
  });

  it('is made of its header and its claims', () => {
    const parts = certificate.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(parts[0] ?? '')).toEqual(header);
    expect(JSON.parse(parts[1] ?? '')).toEqual(claims);
    expect(Buffer.from(certificate.split('.')[2] ?? '', 'base64url').length).toBe(64);
  });

  it('has the public key that the page tells', () => {
    const pem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
    expect(block(markdown, 'public-key')).toBe(pem.trim());
  });

  it('has a tekmac in both forms', () => {
    const keys = publishExample.temporaryExposureKeys.map((key) => ({ ...key, transmissionRisk: 0n }));
    const macs = hmacTexts(keys).map((text) =>
      createHmac('sha256', Buffer.from(publishExample.hmacKey, 'base64')).update(text).digest('base64'),
    );
    expect(tableRows(markdown, 'form', 'when', '`tekmac` of the example').map((row) => plain(row[2]))).toEqual(macs);
    expect(claims['tekmac']).toBe(macs[0]);
  });
});

describe('an installation', () => {
  let publisher: Publisher;
  beforeAll(async () => {
    publisher = await makePublisher();
    await publisher.database.query('update health_authority_keys set public_key_pem = $1', [
      block(markdown, 'public-key'),
    ]);
  });
  afterAll(async () => {
    await publisher[Symbol.asyncDispose]();
  });

  function publish(change: Partial<PublishBody>): Promise<unknown> {
    return publisher.publish({ ...publishExample, ...change });
  }
  const changed = (change: object, head: object = {}): string =>
    sealed({ ...header, ...head }, { ...claims, ...change });

  it('takes the certificate, signed anew too', async () => {
    await expect(publish({ verificationPayload: sealed(header, claims) })).resolves.toMatchObject({ inserted: 3 });
    await expect(publish({})).resolves.toMatchObject({ inserted: 3 });
  });

  it('refuses with each text of the table', async () => {
    const [head, body, signature] = certificate.split('.');
    const iat = claims['iat'] as number;
    await publisher.database.query(
      `with other as (insert into health_authorities (issuer, audience, name, stats)
         values ('https://other.example.org', 'enmesh-sample', 'Other', false) returning id)
       insert into health_authority_keys (health_authority_id, version, public_key_pem, valid_from, from_jwks)
       select id, 'v1', $1, to_timestamp(0), false from other`,
      [block(markdown, 'public-key')],
    );
    const bodies: Partial<PublishBody>[] = [
      ...[
        'a.b',
        `${head!}=.${body!}.${signature!}`,
        `${Buffer.from('[]').toString('base64url')}.${body!}.${signature!}`,
        `${head!}.${Buffer.from('[]').toString('base64url')}.${signature!}`,
        changed({ exp: '1' }),
        changed({}, { alg: undefined }),
        changed({}, { alg: 'ES999' }),
        changed({}, { alg: 'HS256' }),
        changed({}, { kid: undefined }),
        changed({ iss: 'https://nobody.example.org' }),
        changed({ aud: 'somebody else' }),
        changed({}, { kid: 'v2' }),
        changed({ iat: iat + 600 }),
        `${head!}.${body!}.${signature!.slice(0, -8)}AAAAAAAA`,
        changed({ exp: undefined }),
        changed({ iat: undefined }),
        changed({ exp: iat + 90_000 }),
        changed({ iat: iat - 900, exp: Math.floor(publisher.clock.now().getTime() / 1000) - 61 }),
        changed({ iss: 'https://other.example.org' }),
        changed({ reportType: 'x' }),
        changed({ tekmac: '!' }),
      ].map((verificationPayload) => ({ verificationPayload })),
      { hmacKey: '!' },
      { temporaryExposureKeys: [] },
      { hmacKey: 'AAAA' },
    ];
    const told = new Set<string>();
    for (const change of bodies) {
      const { code, message } = await refusalOf(publish(change));
      expect(code).toBe('health_authority_verification_certificate_invalid');
      told.add(message.replace('unable to validate diagnosis verification: ', ''));
    }
    const documented = textsOf(tableRows(markdown, 'text', 'cause and cure'));
    expect(documented.filter((text) => ![...told].some((message) => isTextOf(text, message)))).toEqual([]);
    expect([...told].filter((message) => !documented.some((text) => isTextOf(text, message)))).toEqual([]);
  });

  it('refuses tokens for statistics with each text of the table', async () => {
    const service = createStatsService({
      database: publisher.database,
      clock: publisher.clock,
      settings: {
        audience: 'keyserver',
        uploadMinimum: 10,
        embargoSeconds: 3_600,
        retentionSeconds: 14 * 86_400,
        truncateSeconds: 3_600,
        leewaySeconds: publishSettings.certificateLeewaySeconds,
        authorityCacheSeconds: 10,
      },
    });
    const token = jsonBlock(markdown, 'stats-claims') as Record<string, unknown>;
    const ask = (text: string) => service.getStats({ token: text }, {} as never);
    await expect(ask(sealed(header, token))).resolves.toEqual({ days: [] });
    const late = (token['iat'] as number) + 3_600;
    const refused = [
      sealed({ ...header, kid: undefined }, token),
      sealed({ ...header, kid: 1 }, token),
      sealed(header, { ...token, iss: 'https://nobody.example.org' }),
      sealed(header, { ...token, iss: 'https://other.example.org' }),
      sealed({ ...header, kid: 'v9' }, token),
      sealed(header, token).replace(/.{8}$/, 'AAAAAAAA'),
      sealed(header, { ...token, nbf: late }),
      sealed(header, { ...token, iat: late }),
      sealed(header, { ...token, exp: 1_773_500_000 }),
      sealed(header, { ...token, aud: 'enmesh-sample' }),
      sealed(header, { ...claims, aud: 'keyserver' }),
    ];
    const told = new Set<string>();
    for (const text of refused) told.add((await refusalOf(ask(text))).message);
    const documented = textsOf(tableRows(markdown, 'text with 401 `unauthorized`', 'cause and cure'));
    const byGateway = 'Authorization header is not in';
    const missing = documented.filter((text) => ![...told].some((message) => isTextOf(text, message)));
    expect(missing.filter((text) => !text.startsWith(byGateway))).toEqual([]);
    expect([...told].filter((message) => !documented.some((text) => isTextOf(text, message)))).toEqual([]);
  });
});

it('tells the risk of each report type', () => {
  const rows = tableRows(
    markdown,
    ...['`reportType`', 'risk in files where the app sent none', 'what becomes of the keys'],
  );
  for (const [type = '', risk] of rows) {
    const reportType = plain(type);
    if (!isCertifiedReportType(reportType)) throw new Error(reportType);
    expect([reportType, Number(risk)]).toEqual([reportType, transmissionRiskOf(reportType, 0)]);
  }
  expect(rows.length).toBe(4);
});

/** The texts in the first cells of a table. */
function textsOf(rows: readonly (readonly string[])[]): string[] {
  return rows.flatMap(([cell = '']) =>
    [...cell.matchAll(/`` (.*?) ``|``(.*?)``|`([^`]+)`/g)].map((all) => (all[1] ?? all[2] ?? all[3])!),
  );
}

/** `…`, N and NAME stand for anything, as do durations. */
function isTextOf(text: string, message: string): boolean {
  const escaped = text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const pattern = escaped
    .replaceAll('…', '.*')
    .replace(/\bN\b/, String.raw`\d+`)
    .replace('NAME', '.*')
    .replaceAll(/\d+h\d+m\d+s|\d+m\d+s/g, String.raw`[\dhms]+`)
    .replace(/got, -wanted/, '.*');
  return new RegExp(`^${pattern}\\s*$`).test(message);
}
