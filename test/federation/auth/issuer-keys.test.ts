/** How issuers are read: found by discovery, remembered, asked decently, and never trusted with memory or time. */
import { beforeEach, describe, expect, it } from 'vitest';
import { readIssuerKeys } from '../../../src/federation/auth/issuer-documents.ts';
import { IssuerKeys, keyLives } from '../../../src/federation/auth/issuer-keys.ts';
import { createTokenVerifier } from '../../../src/federation/auth/token-verifier.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { startIssuer, type TestIssuer } from '../../support/issuer.ts';
import { ourAudience, testSettings } from './authority.ts';

const { issuers } = testSettings('https://id.aa.example');
let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock(new Date());
});

/** A verifier with keys of its own, as one process has them. */
function verifier() {
  const { signal } = new AbortController();
  const keys = new IssuerKeys({ clock, read: (issuer) => readIssuerKeys(issuer, issuers, signal) });
  const { verify } = createTokenVerifier({ keys, clock });
  return async (issuer: TestIssuer, kid?: string | null) => {
    const claims = { sub: 'federation', aud: ourAudience };
    const text = await issuer.token(claims, { now: clock.now(), ...(kid === undefined ? {} : { kid }) });
    return (await verify(text, { issuer: issuer.issuer })).subject;
  };
}

const invalid = { kind: 'unauthenticated', code: 'token_invalid' };
const unreachable = { kind: 'unavailable', code: 'issuer_unreachable' };

describe('keys of an issuer', () => {
  it('are found by discovery and read once for many tokens, however many come at the same time', async () => {
    await using issuer = await startIssuer();
    const verify = verifier();
    await Promise.all(Array.from({ length: 20 }, () => verify(issuer)));
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/jwks']);
    clock.advance(keyLives.freshMs - 1);
    await verify(issuer);
    expect(issuer.requests).toHaveLength(2);
    clock.advance(1);
    await verify(issuer);
    expect(issuer.requests).toHaveLength(4);
  });

  it.each(['RS256', 'PS256', 'EdDSA'] as const)('may be for %s', async (alg) => {
    await using issuer = await startIssuer({ alg });
    expect(await verifier()(issuer)).toBe('federation');
  });

  it('are read again at once for one that is missing: a rotation fails no call', async () => {
    await using issuer = await startIssuer();
    const verify = verifier();
    await verify(issuer);
    await issuer.rotate();
    expect(await verify(issuer)).toBe('federation');
    expect(issuer.requests).toHaveLength(4);
  });

  it('are read a few times, and then each 30 s on average, for a flood of tokens with keys that nobody has', async () => {
    await using issuer = await startIssuer();
    const verify = verifier();
    await verify(issuer);
    const flood = async () => {
      for (let count = 0; count < 50; count++)
        await expect(verify(issuer, `kid-${String(count)}`)).rejects.toMatchObject(invalid);
    };
    await flood();
    expect(issuer.requests).toHaveLength(2 * keyLives.burst);
    clock.advance(keyLives.burst * keyLives.pauseMs - 1);
    await flood();
    expect(issuer.requests).toHaveLength(2 * keyLives.burst);
    clock.advance(1);
    await flood();
    expect(issuer.requests).toHaveLength(4 * keyLives.burst);
    // Who is honest is not kept waiting meanwhile.
    expect(await verify(issuer)).toBe('federation');
  });

  it('stay as they are while the issuer is away, for a day', async () => {
    await using issuer = await startIssuer();
    const verify = verifier();
    await verify(issuer);
    issuer.answerWith((_request, response) => response.writeHead(500).end());
    clock.advance(keyLives.staleMs - 1);
    expect(await verify(issuer)).toBe('federation');
    clock.advance(1);
    await expect(verify(issuer)).rejects.toMatchObject(unreachable);
    issuer.answerWith(undefined);
    clock.advance(keyLives.pauseMs);
    expect(await verify(issuer)).toBe('federation');
  });

  it('that left the document are refused as soon as it is read again', async () => {
    await using issuer = await startIssuer();
    const { signal } = new AbortController();
    const keys = new IssuerKeys({ clock, read: (name) => readIssuerKeys(name, issuers, signal) });
    const { verify } = createTokenVerifier({ keys, clock });
    const stolen = await issuer.token({ sub: 'federation', aud: ourAudience }, { now: clock.now() });
    await issuer.rotate();
    await verify(stolen, issuer);
    issuer.forgetOldKeys();
    clock.advance(keyLives.freshMs);
    await expect(verify(stolen, issuer)).rejects.toMatchObject(invalid);
  });
});

describe('an issuer is not believed', () => {
  const configuration = (issuer: TestIssuer, change: object) =>
    JSON.stringify({ issuer: issuer.issuer, jwks_uri: `${issuer.issuer}/jwks`, ...change });

  it.each([
    ['whose discovery names another issuer', { issuer: 'https://accounts.google.com' }],
    ['whose discovery names it with a slash more', (issuer: string) => ({ issuer: `${issuer}/` })],
    ['without jwks_uri', { jwks_uri: undefined }],
    ['whose JWKS is over plain http elsewhere', { jwks_uri: 'http://id.bb.example/jwks' }],
    ['whose JWKS is in a private network', { jwks_uri: 'https://10.0.0.1/jwks' }],
    ['whose JWKS is where clouds keep credentials', { jwks_uri: 'https://169.254.169.254/latest' }],
    ['whose JWKS is no URL for the web', { jwks_uri: 'file:///etc/passwd' }],
  ] as const)('%s', async (_what, change) => {
    await using issuer = await startIssuer();
    issuer.answerWith((_request, response) => {
      response.end(configuration(issuer, typeof change === 'function' ? change(issuer.issuer) : change));
    });
    await expect(verifier()(issuer)).rejects.toMatchObject(unreachable);
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration']);
  });

  it.each([
    ['is no JSON', () => 'keys'],
    ['is null', () => 'null'],
    ['has no keys', () => '{}'],
    ['has an empty list', () => '{"keys":[]}'],
    ['has secrets alone', () => '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'],
    ['has a private key', (jwk: object) => JSON.stringify({ keys: [{ ...jwk, d: 'AAAA' }] })],
    ['has too many keys', (jwk: object) => JSON.stringify({ keys: Array.from({ length: 101 }, () => jwk) })],
    ['is larger than 256 KiB', (jwk: object) => JSON.stringify({ keys: [jwk], padding: 'x'.repeat(256 * 1024) })],
  ])('whose JWKS %s', async (_what, jwks) => {
    await using issuer = await startIssuer();
    issuer.answerWith((request, response) => {
      response.end(request.url === '/jwks' ? jwks(issuer.jwks.keys[0]!) : configuration(issuer, {}));
    });
    await expect(verifier()(issuer)).rejects.toMatchObject(unreachable);
  });

  it('that leads elsewhere by a redirection', async () => {
    await using elsewhere = await startIssuer();
    await using issuer = await startIssuer();
    issuer.answerWith((request, response) => {
      response.writeHead(302, { location: `${elsewhere.issuer}${request.url ?? ''}` }).end();
    });
    await expect(verifier()(issuer)).rejects.toMatchObject(unreachable);
    expect(elsewhere.requests).toEqual([]);
  });

  it('that answers too slowly', async () => {
    await using issuer = await startIssuer();
    issuer.answerWith((_request, response) => {
      response.write('{');
    });
    const impatient = { ...issuers, timeoutMs: 50 };
    await expect(readIssuerKeys(issuer.issuer, impatient, new AbortController().signal)).rejects.toMatchObject({
      ...unreachable,
      message: expect.stringContaining('ENMESH_FEDERATION_ISSUER_TIMEOUT') as string,
    });
  });

  it('over plain http unless test installations allow loopback', async () => {
    await using issuer = await startIssuer();
    const strict = { ...issuers, places: { ...issuers.places, allowLoopback: false } };
    await expect(readIssuerKeys(issuer.issuer, strict, new AbortController().signal)).rejects.toMatchObject(
      unreachable,
    );
    expect(issuer.requests).toEqual([]);
  });
});
