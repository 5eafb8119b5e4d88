/** Tokens of Google's: asked of a metadata server that the test plays, in Google's own client. */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gaxios } from 'google-auth-library';
import { decodeJwt, type JWTPayload } from 'jose';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createGoogleTokens, googleAuth } from '../../../src/federation/auth/google-tokens.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { startIssuer, type TestIssuer } from '../../support/issuer.ts';
import { theirAudience } from './authority.ts';

const subject = '112233445566778899';
const clock = new ManualClock(new Date());
let issuer: TestIssuer;
let asked: string[];
let answer: (audience: string) => Promise<string> | string;
let server: ReturnType<typeof createServer>;

beforeEach(async () => {
  issuer = await startIssuer({ alg: 'RS256' });
  asked = [];
  answer = (aud) => issuer.token({ sub: subject, aud }, { now: clock.now() });
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://metadata');
    response.setHeader('metadata-flavor', 'Google');
    if (!pathname.endsWith('/identity')) {
      response.end('x');
      return;
    }
    const audience = searchParams.get('audience') ?? '';
    asked.push(audience);
    void Promise.resolve(answer(audience)).then((text) => response.end(text));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  vi.stubEnv('GCE_METADATA_HOST', `127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  vi.stubEnv('METADATA_SERVER_DETECTION', 'assume-present');
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', undefined);
  vi.stubEnv('HOME', '/nonexistent');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.close();
  await issuer.close();
});

async function tokens(change: { readonly subject?: string } = {}) {
  return createGoogleTokens({ auth: await googleAuth(undefined), clock, issuer: issuer.issuer, subject, ...change });
}

describe("Google's tokens", () => {
  it('come from the metadata server, one for many calls to an audience', async () => {
    const source = await tokens();
    const token = await source.forCalls(theirAudience);
    expect(await source.forCalls(theirAudience)).toBe(token);
    expect(asked).toEqual([theirAudience]);
    await source.forCalls('https://cc.example');
    expect(asked).toEqual([theirAudience, 'https://cc.example']);
  });

  it('are asked for anew before they end', async () => {
    const source = await tokens();
    const token = await source.forCalls(theirAudience);
    clock.advance(51 * 60_000);
    expect(await source.forCalls(theirAudience)).not.toBe(token);
  });

  it('answer no call, because they cannot cover a nonce', async () => {
    expect(await (await tokens()).forAnswer(theirAudience, 'nonce')).toBeNull();
    expect(asked).toEqual([]);
  });

  it('of another account than partners know are not used', async () => {
    await expect((await tokens({ subject: '998877' })).forCalls(theirAudience)).rejects.toMatchObject({
      kind: 'precondition',
      code: 'identity_mismatch',
    });
  });

  it('for another audience than was asked for are not used', async () => {
    answer = () => issuer.token({ sub: subject, aud: 'https://cc.example' }, { now: clock.now() });
    await expect((await tokens()).forCalls(theirAudience)).rejects.toMatchObject({ code: 'identity_unavailable' });
  });

  it('that do not come leave nothing of the answer in the error', async () => {
    answer = () => 'eyJsecret.eyJsecret';
    const error: unknown = await (await tokens()).forCalls(theirAudience).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'unavailable', code: 'identity_unavailable' });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('secret');
    expect((error as Error).cause).toBeUndefined();
  });

  it('are those of a service account where its file is named', async () => {
    const path = await mkdtemp(join(tmpdir(), 'enmesh-google-'));
    onTestFinished(() => rm(path, { recursive: true }));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const file = join(path, 'account.json');
    const account = {
      type: 'service_account',
      client_email: 'federation@aa.iam.gserviceaccount.com',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    };
    await writeFile(file, JSON.stringify(account));
    const assertions: JWTPayload[] = [];
    // Google's token endpoint: it is asked over https, at an address that the client knows by heart.
    const transporter = new gaxios.Gaxios({
      fetchImplementation: async (_url, init) => {
        const assertion = decodeJwt(new URLSearchParams(init?.body as URLSearchParams).get('assertion') ?? '');
        assertions.push(assertion);
        const token = await issuer.token(
          { sub: subject, aud: String(assertion['target_audience']) },
          { now: clock.now() },
        );
        return Response.json({ id_token: token });
      },
    });
    const auth = await googleAuth(file, { transporter });
    const source = createGoogleTokens({ auth, clock, issuer: issuer.issuer, subject });
    expect(decodeJwt(await source.forCalls(theirAudience)).aud).toBe(theirAudience);
    expect(assertions).toMatchObject([{ iss: account.client_email, target_audience: theirAudience }]);
    expect(asked).toEqual([]);
  });

  it('are not looked for where the named file cannot be read', async () => {
    await expect(googleAuth('/nonexistent/account.json')).rejects.toMatchObject({
      kind: 'precondition',
      code: 'identity_credentials',
    });
  });
});
