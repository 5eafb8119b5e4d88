/** Nothing that a phone sent, and no address, is written anywhere while the product runs, however it is used. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { RawConnection } from '../gateway/support/gateway.ts';
import { eventually, readIndex } from '../support/download.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { installAuthority, startRoles } from '../support/installed.ts';
import { makeKeys, makePhone, type PublishBody } from '../support/phone.ts';
import { PhoneTraffic } from '../support/phone-traffic.ts';
import { createEmptyDatabase } from '../support/postgres.ts';
import { runSql } from '../support/sql.ts';
import { statsToken } from '../support/statistics.ts';

it('keeps keys, certificates, HMAC keys, tokens and addresses out of every log', { timeout: 240_000 }, async () => {
  await using database = await createEmptyDatabase();
  await using playground = await Playground.open({
    ...serveSettings(database.url),
    ENMESH_LOG_LEVEL: 'trace',
    ENMESH_ENABLE_V1ALPHA1_API: 'true',
    ENMESH_RATE_LIMIT_PER_MINUTE: '3',
    ENMESH_TRUSTED_PROXIES: '127.0.0.0/8',
  });
  const enmesh = await startRoles(playground);
  const { phone } = await installAuthority(playground);
  const traffic = new PhoneTraffic(playground.gatewayUrl, phone);

  const accepted = await sendAccepted(traffic);
  await sendRefused(traffic, accepted);
  await sendBroken(traffic);
  await sendToOtherRoutes(traffic);
  await sendTooMuch(traffic);
  await sendWhatTheDatabaseRefuses(traffic, database.url);

  // They would be found.
  const found = traffic.secrets.foundIn(JSON.stringify(accepted.revised));
  expect(found).toEqual(expect.arrayContaining(['a key', 'a certificate', 'an HMAC key', 'a token']));
  const metrics = await (await fetch(`${playground.statusUrl}/metrics`)).text();
  const { stdout, stderr } = await enmesh.end();
  expect(stdout).toContain('a publish was refused');
  expect(stdout).toContain('a publish failed');
  expect(traffic.secrets.size).toBeGreaterThan(300);
  for (const [where, text] of Object.entries({ stdout, stderr, metrics, postgres: await readPostgresLog() })) {
    expect({ where, found: traffic.secrets.foundIn(text) }).toEqual({ where, found: [] });
  }
});

interface Accepted {
  /** Stored as likely, then revised. */
  readonly revised: PublishBody;
  readonly token: string;
  /** Stored as confirmed. */
  readonly confirmed: PublishBody;
}

async function sendAccepted(traffic: PhoneTraffic): Promise<Accepted> {
  const send = async (body: object, status = 200): Promise<string> => {
    const answer = await traffic.post(body);
    expect(answer).toMatchObject({ status });
    return answer.token;
  };
  const likely = traffic.body({ reportType: 'likely' });
  const token = await send(likely);
  await send(likely);
  const revised = traffic.body({ keys: likely.temporaryExposureKeys, revisionToken: token });
  const tokenAfter = await send(revised);
  const confirmed = traffic.body({ keys: makeKeys(new Date(), 14), symptomOnsetInterval: midnight() - 4 * day });
  await send(confirmed);
  const [good, ...rest] = makeKeys(new Date(), 3);
  await send(traffic.body({ keys: [good!, ...rest.map((key) => ({ ...key, rollingPeriod: 145 }))] }));
  await send(traffic.body({ keys: makeKeys(new Date(), 14), symptomOnsetInterval: midnight() - 27 * day }));
  await send(traffic.body({ reportType: 'negative' }));
  const { healthAuthorityID, hmacKey, ...alpha } = traffic.body();
  const body = { ...alpha, appPackageName: healthAuthorityID, hmackey: hmacKey, regions: ['aa'] };
  expect(await traffic.post(body, '/')).toMatchObject({ status: 200 });
  return { revised, token: tokenAfter, confirmed };
}

async function sendRefused(traffic: PhoneTraffic, { revised, token, confirmed }: Accepted): Promise<void> {
  const stranger = makePhone({
    ...traffic.phone,
    privateKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  });
  const known = confirmed.temporaryExposureKeys;
  const longAgo = makeKeys(new Date(Date.now() - 30 * 86_400_000), 3);
  const seconds = Math.floor(Date.now() / 1000);
  const foreignToken = randomBytes(700).toString('base64');
  const certified: PublishBody[] = [
    { ...traffic.body(), healthAuthorityID: 'org.example.unknown' },
    { ...traffic.body(), healthAuthorityID: 'org.example\0' },
    { ...traffic.body(), hmacKey: randomBytes(16).toString('base64') },
    { ...traffic.body(), hmacKey: '!not base64, but a secret!' },
    { ...traffic.body(), verificationPayload: `Bearer ${traffic.body().verificationPayload}` },
    { ...traffic.body(), verificationPayload: `${traffic.body().verificationPayload}tampered` },
    { ...traffic.body(), temporaryExposureKeys: [] },
    traffic.body({}, stranger),
    traffic.body({ claims: { iss: 'https://unknown.example.org' } }),
    traffic.body({ claims: { iss: 'https://verify.example.org\0' } }),
    traffic.body({ claims: { aud: 'somebody else' } }),
    traffic.body({ claims: { exp: seconds - 3_600, iat: seconds - 7_200 } }),
    traffic.body({ claims: { iat: seconds + 3_600 } }),
    traffic.body({ claims: { reportType: 'rumour' } }),
    traffic.body({ header: { kid: 'v9' } }),
    traffic.body({ header: { alg: 'none' } }),
    traffic.body({ keys: longAgo }),
    traffic.body({ keys: makeKeys(new Date(), 31) }),
    traffic.body({ keys: makeKeys(new Date(), 3).map((key) => ({ ...key, key: `${key.key}!` })) }),
    traffic.body({ keys: known, reportType: 'likely' }),
    traffic.body({ keys: known, reportType: 'negative', revisionToken: foreignToken }),
    traffic.body({ keys: known, reportType: 'negative', revisionToken: token }),
    traffic.body({ keys: revised.temporaryExposureKeys, reportType: 'negative', revisionToken: token }),
  ];
  for (const body of certified) {
    traffic.remember(body);
    expect((await traffic.post(body)).status).toSatisfy((status: number) => status === 400 || status === 401);
  }
  // What a phone puts into the wrong member comes back in the answer, and must not be logged for that.
  const confused = traffic.body();
  const [{ key } = { key: '' }] = confused.temporaryExposureKeys;
  for (const healthAuthorityID of [key, confused.verificationPayload, confused.hmacKey]) {
    expect(await traffic.post({ ...confused, healthAuthorityID })).toMatchObject({ status: 401 });
    const alpha = { ...confused, appPackageName: healthAuthorityID, regions: [key] };
    expect(await traffic.post(alpha, '/')).toMatchObject({ status: 401 });
  }
  const issuedByKey = traffic.body({ claims: { iss: key } });
  expect(await traffic.post(issuedByKey)).toMatchObject({ status: 401 });
  const { healthAuthorityID, hmacKey, ...alpha } = traffic.body();
  const elsewhere = { ...alpha, appPackageName: healthAuthorityID, hmackey: hmacKey, regions: ['BB'] };
  expect(await traffic.post(elsewhere, '/')).toMatchObject({ status: 401 });
}

/** Bodies and headers that cannot be read, each with secrets in it. */
async function sendBroken(traffic: PhoneTraffic): Promise<void> {
  const whole = JSON.stringify(traffic.body());
  const unreadable = [whole.slice(0, -1), `${whole}x`, `[${whole}]`, whole.replace(':', '='), `${whole}${whole}`];
  for (const body of unreadable) expect(await traffic.post(body)).toMatchObject({ status: 400 });
  const misread = JSON.stringify({ ...traffic.body(), traveler: 1 });
  expect(await traffic.post(misread)).toMatchObject({ status: 400 });
  expect(await traffic.post(whole, '/v1/publish', { 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
  const large = JSON.stringify({ ...traffic.body(), padding: 'x'.repeat(64_000) });
  expect(await traffic.post(large)).toMatchObject({ status: 413 });

  const port = Number(new URL(traffic.gatewayUrl).port);
  const secret = traffic.body().hmacKey;
  const head = `POST /v1/publish HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${Object.values(traffic.nextSender())[0]!}\r\n`;
  for (const bytes of [
    `${whole}\r\n\r\n`,
    `GET /${secret}\0 HTTP/1.1\r\n\r\n`,
    `GET /exports/aa/${encodeURIComponent(secret)}.zip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    `GET /${secret}?${secret} HTTP/1.1\r\nHost: ${secret}\r\nConnection: close\r\n\r\n`,
    `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n${whole}`,
    `${head}X-Secret: ${secret.repeat(1_000)}\r\n\r\n`,
    `${head}Transfer-Encoding: chunked\r\n\r\n${whole}`,
  ]) {
    const connection = new RawConnection({ port });
    await connection.send(bytes);
    await connection.closed;
  }
  // Gone in the middle of a body.
  const gone = new RawConnection({ port });
  await gone.send(`${head}Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n${whole}`);
  gone.destroy();
  await gone.closed;
}

async function sendToOtherRoutes(traffic: PhoneTraffic): Promise<void> {
  expect(await traffic.post(traffic.body(), '/v1/publish', { 'x-chaff': '1' })).toMatchObject({ status: 200 });
  const { privateKey } = traffic.phone;
  const now = new Date();
  if (typeof privateKey === 'string') throw new Error('the phone has a key object');
  const wrongKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const tokens = [
    [statsToken({ now, privateKey }), 200],
    [statsToken({ now, privateKey: wrongKey }), 401],
    [statsToken({ now, privateKey, claims: { aud: 'other' } }), 401],
    [traffic.body().verificationPayload, 401],
  ] as const;
  for (const [token, status] of tokens) {
    traffic.secrets.addToken('a stats token', token);
    expect(await traffic.post('{}', '/v1/stats', { authorization: `Bearer ${token}` })).toMatchObject({ status });
  }
  await eventually(async () => (await readIndex(traffic.gatewayUrl, 'aa')).length > 0, 240);
  for (const path of ['/exports/aa/keys.json', '/exports/aa/1-2-3.zip', '/exports/aa/', '/healthz', '/health', '/x']) {
    await (await fetch(`${traffic.gatewayUrl}${path}`, { headers: traffic.nextSender() })).text();
  }
  const file = (await readIndex(traffic.gatewayUrl, 'aa'))[0]!;
  expect((await fetch(`${traffic.gatewayUrl}/exports/${file}`, { headers: traffic.nextSender() })).status).toBe(200);
}

async function sendTooMuch(traffic: PhoneTraffic): Promise<void> {
  const sender = traffic.nextSender();
  const body = traffic.body();
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await traffic.post(body, '/v1/publish', sender)).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
}

/** The database's own words of a refused row, `DETAIL: Failing row contains (…)`, hold the key. */
async function sendWhatTheDatabaseRefuses(traffic: PhoneTraffic, databaseUrl: string): Promise<void> {
  await runSql(databaseUrl, 'alter table exposures add constraint refuses_all check (interval_count < 0) not valid');
  expect(await traffic.post(traffic.body())).toMatchObject({ status: 500 });
  await runSql(databaseUrl, 'drop table exposures cascade');
  expect(await traffic.post(traffic.body())).toMatchObject({ status: 500 });
}

const day = 144;

function midnight(): number {
  return Math.floor(Date.now() / 86_400_000) * day;
}

/** The log of the PostgreSQL that the tests started; empty where it is somebody else's. */
async function readPostgresLog(): Promise<string> {
  const [row] = await runSql<{ directory: string }>(
    inject('postgresUrl'),
    `select current_setting('data_directory') as directory`,
  );
  return await readFile(join(dirname(row!.directory), 'server.log'), 'utf8').catch(() => '');
}
