/** Play Integrity tokens: honest ones and forgeries. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { CompactEncrypt, UnsecuredJWT } from 'jose';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AndroidAttestation } from '../../../src/domain/configuration/configuration.ts';
import { resolveSecret } from '../../../src/platform/secrets/secrets.ts';
import { PlayIntegrity } from '../../../src/server/attestation/play-integrity.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { sha256 } from './apple.ts';
import { makePlay, signer, verdictFor, type TokenOptions, type VerdictOptions } from './google.ts';

const now = new Date('2026-03-15T13:47:30Z');
const claim = sha256('this request');
const play = makePlay();

async function open(change: Partial<AndroidAttestation> = {}, secrets: NodeJS.ProcessEnv = play.secrets) {
  return await PlayIntegrity.open({ ...play.settings, ...change }, (reference) => resolveSecret(reference, secrets));
}

let verifier: PlayIntegrity;
beforeAll(async () => {
  verifier = await open();
});

async function verify(token: string, on = verifier) {
  return await on.verify(token, { claim, now, leewaySeconds: 60 });
}

async function verifyVerdict(change: VerdictOptions, settings: Partial<AndroidAttestation> = {}) {
  return await verify(await play.token(verdictFor(claim, now, change)), await open(settings));
}

async function verifyToken(options: TokenOptions) {
  return await verify(await play.token(verdictFor(claim, now), options));
}

describe('a Play Integrity token', () => {
  it('holds for the request that it was made for', async () => {
    expect(await verifyVerdict({})).toBeUndefined();
  });

  it.each(['base64', 'base64url'] as const)('may spell nonce and digests in %s', async (alphabet) => {
    const nonce = claim.toString(alphabet);
    const certificateSha256Digest = [sha256('another certificate').toString(alphabet), signer.toString(alphabet)];
    expect(
      await verifyVerdict({ requestDetails: { nonce }, appIntegrity: { certificateSha256Digest } }),
    ).toBeUndefined();
    expect(await verifyVerdict({}, { certificateDigests: [signer.toString(alphabet)] })).toBeUndefined();
  });

  it.each([
    ['for other keys', { nonce: sha256('another request').toString('base64url') }, 'other_request'],
    ['for nothing', { nonce: '' }, 'other_request'],
    ['with a nonce that only begins alike', { nonce: claim.subarray(0, 31).toString('base64url') }, 'other_request'],
    [
      'of a standard request, without a nonce',
      { nonce: undefined, requestHash: claim.toString('base64url') },
      'malformed',
    ],
    ['asked for by another package', { requestPackageName: 'org.example.other' }, 'other_app'],
    ['without a time', { timestampMillis: undefined }, 'malformed'],
    ['with a time that is none', { timestampMillis: '-1' }, 'malformed'],
    ['with a time beyond all measure', { timestampMillis: '9'.repeat(16) }, 'malformed'],
  ])('%s is refused', async (_, requestDetails, fault) => {
    expect(await verifyVerdict({ requestDetails })).toBe(fault);
  });

  it.each([
    ['that the store does not know', { appRecognitionVerdict: 'UNRECOGNIZED_VERSION' }, 'app_not_recognized'],
    ['that was not evaluated', { appRecognitionVerdict: 'UNEVALUATED' }, 'app_not_recognized'],
    ['of another package', { packageName: 'org.example.other' }, 'other_app'],
    ['that somebody else signed', { certificateSha256Digest: [sha256('x').toString('base64url')] }, 'other_app'],
    ['that nobody signed', { certificateSha256Digest: [] }, 'other_app'],
    ['whose signer is no list', { certificateSha256Digest: signer.toString('base64url') }, 'other_app'],
  ])('of an app %s is refused', async (_, appIntegrity, fault) => {
    expect(await verifyVerdict({ appIntegrity })).toBe(fault);
  });

  it.each([
    ['has no verdict', undefined],
    ['is an emulator', ['MEETS_VIRTUAL_INTEGRITY']],
    ['passes basic checks only', ['MEETS_BASIC_INTEGRITY']],
    ['says it in another type', 'MEETS_DEVICE_INTEGRITY'],
  ])('of a device that %s is refused', async (_, deviceRecognitionVerdict) => {
    expect(await verifyVerdict({ deviceIntegrity: { deviceRecognitionVerdict } })).toBe('device_not_trusted');
  });

  it('counts to the end of its age, and from the future within the leeway', async () => {
    const at = (milliseconds: number) =>
      verifyVerdict({ requestDetails: { timestampMillis: now.getTime() + milliseconds } });
    expect(await at(-600_000)).toBeUndefined();
    expect(await at(-600_001)).toBe('too_old');
    expect(await at(60_000)).toBeUndefined();
    expect(await at(60_001)).toBe('from_future');
  });

  it('is too old only when nothing else is wrong', async () => {
    const requestDetails = { timestampMillis: '0' };
    expect(await verifyVerdict({ requestDetails, deviceIntegrity: { deviceRecognitionVerdict: [] } })).toBe(
      'device_not_trusted',
    );
  });
});

describe('a forged token', () => {
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  it('signed by a stranger is refused', async () => {
    expect(await verifyToken({ signingKey: stranger.privateKey })).toBe('untrusted');
  });

  it('encrypted with another key is refused', async () => {
    expect(await verifyToken({ decryptionKey: randomBytes(32) })).toBe('untrusted');
  });

  it('whose inner token is not signed is refused', async () => {
    const unsigned = new UnsecuredJWT(verdictFor(claim, now)).encode();
    expect(await verify(await play.encrypt(unsigned))).toBe('untrusted');
    expect(await verify(await play.encrypt(JSON.stringify(verdictFor(claim, now))))).toBe('untrusted');
    expect(await verify(unsigned)).toBe('malformed');
  });

  it('signed with HS256 under one of the console’s keys is refused', async () => {
    const spki = play.publicKey.export({ type: 'spki', format: 'der' });
    const pem = Buffer.from(play.publicKey.export({ type: 'spki', format: 'pem' }));
    for (const signingKey of [spki, pem, play.decryptionKey]) {
      expect(await verifyToken({ signingKey, jws: { alg: 'HS256' } })).toBe('untrusted');
    }
  });

  it('signed with another algorithm or curve is refused', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    expect(await verifyToken({ signingKey: privateKey, jws: { alg: 'ES384' } })).toBe('untrusted');
  });

  it.each([
    ['direct encryption under the attacker’s key', { alg: 'dir', enc: 'A256GCM' }, randomBytes(32)],
    ['direct encryption under our key', { alg: 'dir', enc: 'A256GCM' }, play.decryptionKey],
    ['AES-GCM key wrapping', { alg: 'A256GCMKW' }, play.decryptionKey],
    ['another content encryption', { enc: 'A128CBC-HS256' }, play.decryptionKey],
    ['a password', { alg: 'PBES2-HS256+A128KW', p2c: 1_000 }, play.decryptionKey],
    ['a compressed text', { zip: 'DEF' }, play.decryptionKey],
  ])('encrypted by %s is refused', async (_, jwe, decryptionKey) => {
    expect(await verifyToken({ jwe, decryptionKey })).toBe('untrusted');
  });

  it('encrypted to the verification key as if it were a key of ours is refused', async () => {
    const signed = await play.sign(JSON.stringify(verdictFor(claim, now)), { signingKey: stranger.privateKey });
    const token = await new CompactEncrypt(Buffer.from(signed))
      .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' })
      .encrypt(play.publicKey);
    expect(await verify(token)).toBe('untrusted');
  });

  it('with signature and encryption swapped is refused', async () => {
    const swapped = await play.sign(await play.encrypt(JSON.stringify(verdictFor(claim, now))));
    expect(await verify(swapped)).toBe('malformed');
    expect(await verify(await play.sign(JSON.stringify(verdictFor(claim, now))))).toBe('malformed');
  });

  it('encrypted twice is refused', async () => {
    expect(await verify(await play.encrypt(await play.token(verdictFor(claim, now))))).toBe('untrusted');
  });

  it('that holds no verdict is refused', async () => {
    for (const verdict of ['text', 1, null, [], {}, { requestDetails: null }, { requestDetails: [] }]) {
      expect(await verify(await play.token(verdict))).toBe('malformed');
    }
    expect(await verify(await play.encrypt(await play.sign('{')))).toBe('malformed');
  });

  it('of another platform is refused', async () => {
    expect(await verify('o2NmbXRvYXBwbGUtYXBwYXR0ZXN0')).toBe('malformed');
  });

  it('is refused and nothing worse, whatever is sent', { timeout: 60_000 }, async () => {
    const token = await play.token(verdictFor(claim, now));
    const segment = fc.oneof(
      fc.base64String().map((text) => text.replaceAll(/[+/=]/g, '_')),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
      fc
        .record({
          alg: fc.constantFrom('A256KW', 'dir', 'none', 'ES256', 1),
          enc: fc.constantFrom('A256GCM', 'x', null),
        })
        .map((header) => Buffer.from(JSON.stringify(header)).toString('base64url')),
    );
    const parts = fc.array(segment, { minLength: 3, maxLength: 6 }).map((all) => all.join('.'));
    // The last character of a part has bits that do not count.
    const mutation = fc
      .tuple(fc.nat(token.length - 1), fc.constantFrom('A', '.', '-', '!', 'é', '\0'))
      .filter(([at, character]) => token[at] !== character && !/^(\.|$)/.test(token.slice(at + 1)))
      .map(([at, character]) => `${token.slice(0, at)}${character}${token.slice(at + 1)}`);
    await fc.assert(
      fc.asyncProperty(fc.oneof(parts, mutation, fc.string({ unit: 'binary' })), async (sent) => {
        const before = process.cpuUsage();
        expect(await verify(sent)).toMatch(/^(malformed|untrusted)$/);
        expect(cpuMs(before)).toBeLessThan(1_000);
      }),
      { numRuns: 400 },
    );
  });
});

describe('the keys of the console', () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
  const offCurve = Buffer.from(play.secrets.PLAY_VERIFICATION_KEY, 'base64').fill(1, 60);

  it.each([
    ['is missing', { PLAY_DECRYPTION_KEY: undefined }],
    ['is too short', { PLAY_DECRYPTION_KEY: randomBytes(16).toString('base64') }],
    ['is too long', { PLAY_DECRYPTION_KEY: randomBytes(33).toString('base64') }],
    ['is no base64', { PLAY_DECRYPTION_KEY: '?' }],
    [
      'verifies on another curve',
      { PLAY_VERIFICATION_KEY: p384.export({ type: 'spki', format: 'der' }).toString('base64') },
    ],
    ['is PEM', { PLAY_VERIFICATION_KEY: play.publicKey.export({ type: 'spki', format: 'pem' }).toString() }],
    ['is no point of the curve', { PLAY_VERIFICATION_KEY: offCurve.toString('base64') }],
  ])('cannot be used when one %s, and the error does not tell it', async (_, change) => {
    const secrets: NodeJS.ProcessEnv = { ...play.secrets, ...change };
    const error: unknown = await open({}, secrets).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    for (const secret of Object.values(secrets)) {
      if (secret !== undefined && secret.length > 1) expect((error as Error).message).not.toContain(secret);
    }
  });

  it('may end with a line break', async () => {
    const secrets = { ...play.secrets, PLAY_DECRYPTION_KEY: `${play.secrets.PLAY_DECRYPTION_KEY}\n` };
    const token = await play.token(verdictFor(claim, now));
    expect(await verify(token, await open({}, secrets))).toBeUndefined();
  });
});
