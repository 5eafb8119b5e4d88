/** Our issuer's key: its first version, its rotation, and what becomes of calls meanwhile. */
import { exportJWK, importSPKI, type JWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { identityKeyId } from '../../../src/domain/federation/identity-key-id.ts';
import { IssuerKeys } from '../../../src/federation/auth/issuer-keys.ts';
import { createTokenVerifier } from '../../../src/federation/auth/token-verifier.ts';
import { ensureIdentityKey } from '../../../src/federation/identity/ensure.ts';
import { rotateIdentityKey } from '../../../src/federation/identity/rotate.ts';
import { createIdentityService } from '../../../src/federation/identity/service.ts';
import { identityKeyVersions } from '../../../src/storage/partners/identity-keys.ts';
import { partnerOf, startAuthority, theirAudience, type TestAuthority } from '../auth/authority.ts';

const issuer = 'https://id.aa.example';
const day = 86_400_000;

/** A partner that reads our JWKS, by way of a gateway that remembers it for a minute and a cache for five. */
function partnerOfOurs({ database, clock }: TestAuthority) {
  let cached: { readonly keys: readonly JWK[]; readonly until: number } | undefined;
  const read = async () => {
    const now = clock.now().getTime();
    if (cached === undefined || now >= cached.until) {
      const versions = await identityKeyVersions(database, clock);
      const keys = await Promise.all(
        versions.map(async ({ version, publicKeyPem }) => ({
          ...(await exportJWK(await importSPKI(publicKeyPem, 'ES256'))),
          kid: identityKeyId({ version, publicKeyPem }),
        })),
      );
      cached = { keys, until: now + 360_000 };
    }
    return cached.keys;
  };
  const { verify } = createTokenVerifier({ keys: new IssuerKeys({ clock, read }), clock });
  return async (token: string) => (await verify(token, { issuer })).audiences;
}

async function versions({ database, clock }: TestAuthority) {
  return (await identityKeyVersions(database, clock)).map(({ version }) => version);
}

describe("our issuer's key", () => {
  it('is made once, by however many replicas', async () => {
    await using authority = await startAuthority();
    await Promise.all([1, 2, 3].map(() => ensureIdentityKey(authority.identity, { createMissing: true })));
    expect(await versions(authority)).toEqual(['v1']);
  });

  it('is missed at the start where partners are configured and it may not be made', async () => {
    await using authority = await startAuthority();
    await authority.database.query('delete from identity_key_versions');
    const other = { ...authority.identity, identity: { ...authority.identity.identity, key: 'another' } };
    await ensureIdentityKey(other, { createMissing: false });
    await authority.addPartner(partnerOf('https://id.bb.example'));
    await expect(ensureIdentityKey(other, { createMissing: false })).rejects.toMatchObject({
      kind: 'precondition',
      code: 'identity_missing',
      message: expect.stringContaining('enmesh keys create another') as string,
    });
    await expect(authority.auth.channels.tokens.forCalls(theirAudience)).rejects.toMatchObject({
      code: 'identity_missing',
    });
  });

  it('signs one token for many calls, and another before it ends', async () => {
    await using authority = await startAuthority();
    const { tokens } = authority.auth.channels;
    const first = await tokens.forCalls(theirAudience);
    authority.clock.advance(49 * 60_000);
    expect(await tokens.forCalls(theirAudience)).toBe(first);
    expect(await tokens.forCalls('https://cc.example')).not.toBe(first);
    authority.clock.advance(60_000);
    expect(await tokens.forCalls(theirAudience)).not.toBe(first);
  });

  it('gives no signature that does not verify with its public key', async () => {
    await using authority = await startAuthority();
    await authority.identity.keyManager.createSigningKey('foreign');
    await authority.database.query("update identity_key_versions set key = 'foreign', manager_version = $1", [
      (await authority.identity.keyManager.signingKeyVersions('foreign'))[0]!.version,
    ]);
    await expect((await authority.replica()).channels.tokens.forCalls(theirAudience)).rejects.toMatchObject({
      kind: 'internal',
      code: 'signature_refused',
    });
  });
});

describe('a rotation', () => {
  it('fails no call, whichever process signs and whatever partners remember', async () => {
    await using authority = await startAuthority();
    const verify = partnerOfOurs(authority);
    const processes = [authority.auth, await authority.replica()];
    const call = async () => {
      for (const { channels } of processes) {
        expect(await verify(await channels.tokens.forCalls(theirAudience))).toEqual([theirAudience]);
        expect(await verify((await channels.tokens.forAnswer(theirAudience, 'n'))!)).toEqual([theirAudience]);
      }
    };
    await call();
    await rotateIdentityKey(authority.identity, { overlapSeconds: 3_600, actor: 'test' });
    const signers = new Set<string>();
    for (let minute = 0; minute < 120; minute++) {
      await call();
      const token = await authority.auth.channels.tokens.forCalls(theirAudience);
      signers.add(Buffer.from(token.split('.')[0]!, 'base64url').toString());
      authority.clock.advance(60_000);
    }
    expect(signers.size).toBe(2);
    expect(await versions(authority)).toEqual(['v2']);
  });

  it('is published at once, signs ten minutes later, and leaves an audit row', async () => {
    await using authority = await startAuthority();
    const service = createIdentityService(authority.identity);
    const before = authority.clock.now();
    await rotateIdentityKey(authority.identity, { overlapSeconds: 14 * 86_400, actor: 'test' });
    const identity = await service.getIdentity({}, {} as never);
    expect(identity).toMatchObject({ issuer, subject: 'federation' });
    expect(identity.keys).toMatchObject([
      { version: 'v2', from: new Date(before.getTime() + 600_000) },
      { version: 'v1', thru: new Date(before.getTime() + 600_000 + 14 * day) },
    ]);
    const { rows } = await authority.database.query("select actor, action from audit where subject = 'identity'");
    expect(rows).toEqual([{ actor: 'test', action: 'rotate' }]);
  });

  it('after a theft takes the old key away and signs with the new one at once, in every process', async () => {
    await using authority = await startAuthority();
    const { tokens } = authority.auth.channels;
    const stolen = await tokens.forCalls(theirAudience);
    await rotateIdentityKey(authority.identity, { overlapSeconds: 0, actor: 'test' });
    expect(await versions(authority)).toEqual(['v2']);
    authority.clock.advance(10_000);
    const fresh = await tokens.forCalls(theirAudience);
    expect(fresh).not.toBe(stolen);
    const verify = partnerOfOurs(authority);
    expect(await verify(fresh)).toEqual([theirAudience]);
    await expect(verify(stolen)).rejects.toMatchObject({ code: 'token_invalid' });
  });

  it.each([1, 3_599])('with an overlap of %i s, in which tokens still live, is refused', async (overlapSeconds) => {
    await using authority = await startAuthority();
    await expect(rotateIdentityKey(authority.identity, { overlapSeconds, actor: 'test' })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'overlap_too_short',
    });
  });

  it('waits for another one', async () => {
    await using authority = await startAuthority();
    const rotate = () => rotateIdentityKey(authority.identity, { overlapSeconds: 3_600, actor: 'test' });
    await Promise.all([rotate(), rotate()]);
    expect(await versions(authority)).toEqual(['v3', 'v2', 'v1']);
  });

  it("is not ours to make where the tokens are Google's", async () => {
    await using authority = await startAuthority();
    const identity = { ...authority.identity, identity: { ...authority.identity.identity, source: 'google' as const } };
    expect(await createIdentityService(identity).getIdentity({}, {} as never)).toMatchObject({ issuer: '', keys: [] });
    await expect(rotateIdentityKey(identity, { overlapSeconds: 3_600, actor: 'test' })).rejects.toMatchObject({
      code: 'identity_missing',
    });
  });
});
