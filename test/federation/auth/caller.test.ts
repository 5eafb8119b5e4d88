/** Which callers are let in: every way in which a token can be wrong. */
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { Metadata } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startIssuer, type TestIssuer } from '../../support/issuer.ts';
import { ourAudience, partnerOf, startAuthority, withToken, type TestAuthority } from './authority.ts';

let authority: TestAuthority;
let issuer: TestIssuer;

beforeAll(async () => {
  issuer = await startIssuer();
  authority = await startAuthority();
  await authority.addPartner(partnerOf(issuer.issuer));
});
afterAll(async () => {
  await authority[Symbol.asyncDispose]();
  await issuer.close();
});

const sound = { sub: 'federation', aud: ourAudience };

/** Seconds, so far from now. */
function seconds(offset: number): number {
  return Math.floor(authority.clock.now().getTime() / 1000) + offset;
}

async function token(claims: JWTPayload = {}, kid?: string | null): Promise<string> {
  return await issuer.token(
    { ...sound, ...claims },
    { now: authority.clock.now(), ...(kid === undefined ? {} : { kid }) },
  );
}

async function admit(text: string) {
  return await authority.auth.authenticator.authenticate(withToken(text));
}

const invalid = { kind: 'unauthenticated', code: 'token_invalid', message: 'Invalid token' };

describe('a caller is let in', () => {
  it('with a sound token, until it expires', async () => {
    const { partner, tokenExpiresAt } = await admit(await token({ exp: seconds(600) }));
    expect(partner.name).toBe('bb');
    expect(tokenExpiresAt).toEqual(new Date(seconds(660) * 1000));
  });

  it('with a token for several audiences, of which one is ours', async () => {
    expect((await admit(await token({ aud: ['https://cc.example', ourAudience] }))).partner.name).toBe('bb');
  });

  it('with a token that names no key, while the issuer has but one', async () => {
    expect((await admit(await token({}, null))).partner.name).toBe('bb');
  });

  it('without a space after Bearer, as deployed servers take it (reference 5.2)', async () => {
    const metadata = Metadata({ authorization: `Bearer${await token()}` });
    expect((await authority.auth.authenticator.authenticate(metadata)).partner.name).toBe('bb');
  });

  it.each([
    ['that expired a minute ago', () => ({ exp: seconds(-59) })],
    ['from a clock that is a minute ahead', () => ({ iat: seconds(60), nbf: seconds(60) })],
    ['that lives for a day', () => ({ exp: seconds(0) + 86_400 })],
  ])('with a token %s', async (_what, claims) => {
    expect((await admit(await token(claims()))).partner.name).toBe('bb');
  });
});

describe('a caller is refused', () => {
  it.each([
    ['without a token', () => Metadata(), 'Missing authorization header [1]'],
    ['with two tokens', () => Metadata({ authorization: ['Bearer a', 'Bearer b'] }), 'Multiple authorization headers'],
    ['with another scheme', () => Metadata({ authorization: 'Basic YTpi' }), 'Invalid authorization header'],
    ['with bearer in lower case', () => Metadata({ authorization: 'bearer x' }), 'Invalid authorization header'],
  ])('%s, in the words of a deployed server', async (_what, metadata, message) => {
    await expect(authority.auth.authenticator.authenticate(metadata())).rejects.toMatchObject({
      kind: 'unauthenticated',
      code: 'token_missing',
      message,
    });
  });

  it.each([
    ['has another subject', { sub: 'somebody' }, 'identity_unknown', 'Invalid issuer/subject'],
    ['has no subject', { sub: undefined }, 'identity_unknown', 'Invalid issuer/subject'],
    ['has an empty subject', { sub: '' }, 'identity_unknown', 'Invalid issuer/subject'],
    ['is for somebody else', { aud: 'https://cc.example' }, 'token_audience', 'Invalid audience'],
    ['is for nobody', { aud: undefined }, 'token_audience', 'Invalid audience'],
    ['is for an empty list', { aud: [] }, 'token_audience', 'Invalid audience'],
    ['is for an empty name', { aud: '' }, 'token_audience', 'Invalid audience'],
    ['has a prefix of our audience', { aud: ourAudience.slice(0, -1) }, 'token_audience', 'Invalid audience'],
    ['has no issue time', { iat: undefined }, 'token_invalid', 'Invalid token'],
    ['has no end', { exp: undefined }, 'token_invalid', 'Invalid token'],
    ['answers a call of ours', { nonce: 'AAAAAAAAAAAAAAAAAAAAAA' }, 'token_invalid', 'Invalid token'],
  ] as const)('whose token %s', async (_what, claims, code, message) => {
    await expect(admit(await token(claims as JWTPayload))).rejects.toMatchObject({
      kind: 'unauthenticated',
      code,
      message,
    });
  });

  it.each([
    ['expired', () => ({ exp: seconds(-60) }), 'exp'],
    ['is not good yet', () => ({ nbf: seconds(61) }), 'nbf'],
    ['was issued in the future', () => ({ iat: seconds(61) }), 'iat'],
    ['lives longer than a day', () => ({ exp: seconds(1) + 86_400 }), 'exp'],
    ['was issued more than a day ago', () => ({ iat: seconds(-61) - 86_400 }), 'iat'],
  ] as const)('whose token %s, and told which claim it is', async (_what, claims, claim) => {
    await expect(admit(await token(claims()))).rejects.toMatchObject({
      ...invalid,
      details: [expect.stringContaining(claim)],
    });
  });

  it('whose issuer nobody has, without a question to it', async () => {
    await using stranger = await startIssuer();
    const foreign = await stranger.token(sound, { now: authority.clock.now() });
    await expect(admit(foreign)).rejects.toMatchObject({ kind: 'unauthenticated', code: 'identity_unknown' });
    expect(stranger.requests).toEqual([]);
  });

  it("who signs in the name of another's issuer", async () => {
    await using stranger = await startIssuer();
    const forged = await stranger.token(
      { ...sound, iss: issuer.issuer },
      { now: authority.clock.now(), kid: issuer.kid },
    );
    await expect(admit(forged)).rejects.toMatchObject(invalid);
  });

  it('with anything that is no token', async () => {
    for (const text of ['', 'x', 'a.b.c', `${'e30'.repeat(10)}.e30.`, 'x'.repeat(10_000), 'eyJ9.eyJ9.eyJ9']) {
      await expect(admit(text)).rejects.toMatchObject({ kind: 'unauthenticated' });
    }
  });

  it('whose token was changed on the way', async () => {
    const [header, payload, signature] = (await token()).split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as JWTPayload;
    const changed = Buffer.from(JSON.stringify({ ...claims, exp: claims.exp! + 1 })).toString('base64url');
    await expect(admit([header, changed, signature].join('.'))).rejects.toMatchObject(invalid);
    await expect(admit([header, payload, ''].join('.'))).rejects.toMatchObject(invalid);
  });
});

describe('a token that nobody signed', () => {
  /** A token with that header; the signature is made from what is signed. */
  async function forge(header: object, sign: (content: string) => string): Promise<string> {
    const payload = (await token()).split('.')[1]!;
    const content = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}`;
    return `${content}.${sign(content)}`;
  }

  it.each(['none', 'None', 'NONE', 'nOnE'])('and says so (alg %s) is refused', async (alg) => {
    await expect(admit(await forge({ alg, kid: issuer.kid }, () => ''))).rejects.toMatchObject(invalid);
  });

  it('is refused where its public key was taken for a secret (key confusion)', async () => {
    const jwk = issuer.jwks.keys[0]!;
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const secrets = [
      key.export({ type: 'spki', format: 'pem' }),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(jwk),
      jwk.x!,
    ];
    for (const secret of secrets) {
      const mac = (content: string) => createHmac('sha256', secret).update(content).digest('base64url');
      await expect(admit(await forge({ alg: 'HS256', kid: issuer.kid }, mac))).rejects.toMatchObject(invalid);
    }
  });

  it('is refused where it brings its key along', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { sign } = await import('node:crypto');
    const jwk = publicKey.export({ format: 'jwk' });
    const own = (content: string) =>
      sign('sha256', Buffer.from(content), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
    for (const header of [{ jwk }, { jwk, kid: issuer.kid }, { jku: `${issuer.issuer}/jwks`, kid: 'mine' }]) {
      await expect(admit(await forge({ alg: 'ES256', ...header }, own))).rejects.toMatchObject(invalid);
    }
  });

  it('is refused with extensions that must be understood', async () => {
    await expect(
      admit(await forge({ alg: 'ES256', kid: issuer.kid, crit: ['b64'], b64: false }, () => 'AAAA')),
    ).rejects.toMatchObject(invalid);
  });
});

describe('a partner that was let in', () => {
  it('stays as long as its token, and is seen as it is configured by then', async () => {
    await using other = await startAuthority();
    await other.addPartner(partnerOf(issuer.issuer));
    const text = await issuer.token({ ...sound, exp: seconds(600) }, { now: other.clock.now() });
    const admission = await other.auth.authenticator.authenticate(withToken(text));
    await other.addPartner(partnerOf(issuer.issuer, { serve: null }));
    expect((await other.auth.authenticator.readmit(admission)).serve).toBeNull();
    other.clock.set(new Date(admission.tokenExpiresAt.getTime() - 1));
    expect((await other.auth.authenticator.readmit(admission)).name).toBe('bb');
    other.clock.set(admission.tokenExpiresAt);
    await expect(other.auth.authenticator.readmit(admission)).rejects.toMatchObject({
      kind: 'unauthenticated',
      code: 'token_expired',
    });
  });

  it('leaves as soon as it is paused, removed, or somebody else', async () => {
    await using other = await startAuthority();
    const partner = await other.addPartner(partnerOf(issuer.issuer));
    const text = await issuer.token(sound, { now: other.clock.now() });
    const { authenticator } = other.auth;
    const admission = await authenticator.authenticate(withToken(text));
    await other.database.query('update partners set paused_at = now()');
    const paused = { kind: 'forbidden', code: 'partner_paused' };
    await expect(authenticator.readmit(admission)).rejects.toMatchObject(paused);
    await expect(authenticator.authenticate(withToken(text))).rejects.toMatchObject(paused);
    await other.database.query('update partners set paused_at = null');
    const unknown = { kind: 'unauthenticated', code: 'identity_unknown' };
    await other.addPartner({ ...partner, identity: { ...partner.identity, subject: 'other' } });
    await expect(authenticator.readmit(admission)).rejects.toMatchObject(unknown);
    await other.database.query('delete from partners');
    await expect(authenticator.readmit(admission)).rejects.toMatchObject(unknown);
    await expect(authenticator.authenticate(withToken(text))).rejects.toMatchObject(unknown);
  });
});
