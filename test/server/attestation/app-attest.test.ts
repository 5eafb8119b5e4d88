/** App Attest objects: honest ones, Apple's own, and forgeries. */
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { KeyUsageFlags, Extension } from '@peculiar/x509';
import { encode } from 'cborg';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { IosAttestation } from '../../../src/domain/configuration/configuration.ts';
import { AppAttest } from '../../../src/server/attestation/app-attest.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import {
  appId,
  issue,
  makeApple,
  makeKeyPair,
  nonceExtension,
  sha256,
  type Apple,
  type ObjectOptions,
} from './apple.ts';

const now = new Date('2026-03-15T13:47:30Z');
const day = 86_400_000;
const claim = sha256('this request');

let apple: Apple;
let settings: IosAttestation;

beforeAll(async () => {
  apple = await makeApple(now);
  settings = { appId, environment: 'production', rootCertificates: [apple.rootPem] };
});

async function verdict(payload: string, change: Partial<IosAttestation> & { at?: Date } = {}) {
  const { at = now, ...rest } = change;
  return await new AppAttest({ ...settings, ...rest }).verify(payload, { claim, now: at, leewaySeconds: 60 });
}

async function verdictOf(options: ObjectOptions, change: Parameters<typeof verdict>[1] = {}) {
  return await verdict(await apple.attest(claim, options), change);
}

describe('an App Attest object', () => {
  it('of a real iPhone leads to Apple’s real root', async () => {
    const real = JSON.parse(readFileSync('test/vectors/app-attest.json', 'utf8')) as Record<string, string> & {
      x5c: string[];
    };
    const root = readFileSync('examples/apple-app-attestation-root.pem', 'utf8');
    const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
    const payload = encode({
      fmt: 'apple-appattest',
      attStmt: { x5c: real.x5c.map(bytes) },
      authData: bytes(real['authData']!),
    });
    const verifier = new AppAttest({ appId: real['appId']!, environment: 'development', rootCertificates: [root] });
    const context = {
      claim: Buffer.from(real['clientDataHash']!, 'hex'),
      now: new Date(real['madeAt']!),
      leewaySeconds: 60,
    };
    const text = Buffer.from(payload).toString('base64');
    expect(await verifier.verify(text, context)).toBeUndefined();
    expect(await verifier.verify(text, { ...context, claim })).toBe('other_request');
    expect(await verdict(text)).toBe('untrusted');
  });

  it('holds for the request that it was made for, in any alphabet of base64', async () => {
    const payload = await apple.attest(claim);
    expect(await verdict(payload)).toBeUndefined();
    expect(await verdict(payload.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''))).toBeUndefined();
  });

  it('for other keys is refused', async () => {
    expect(await verdict(await apple.attest(sha256('another request')))).toBe('other_request');
  });

  it('of another app is refused', async () => {
    expect(await verdictOf({ appId: 'TEAM123456.org.example.other' })).toBe('other_app');
  });

  it('of the other environment is refused, both ways', async () => {
    const development = await apple.attest(claim, { aaguid: 'appattestdevelop' });
    expect(await verdict(development)).toBe('other_environment');
    expect(await verdict(development, { environment: 'development' })).toBeUndefined();
    expect(await verdictOf({}, { environment: 'development' })).toBe('other_environment');
    expect(await verdictOf({ aaguid: 'appattesX' })).toBe('other_environment');
  });

  it('with a counter above zero is refused', async () => {
    expect(await verdictOf({ counter: 1 })).toBe('used_key');
  });

  it('whose key identifier is of another key is refused', async () => {
    expect(await verdictOf({ credentialId: sha256('another key') })).toBe('other_key');
    expect(await verdictOf({ credentialId: Buffer.alloc(0) })).toBe('other_key');
  });

  it('whose key is not on P-256 is refused', async () => {
    expect(await verdictOf({ device: { curve: 'P-384' } })).toBe('other_key');
  });
});

describe('the nonce of the certificate', () => {
  it.each([
    ['is missing', null],
    ['is of the wrong length', Buffer.alloc(31)],
    ['is another one', Buffer.alloc(32)],
  ])('refuses when it %s', async (_, nonce) => {
    expect(await verdictOf({ nonce })).toBe('other_request');
  });

  it('refuses when the certificate has two', async () => {
    expect(await verdictOf({ device: { extensions: [nonceExtension(claim), nonceExtension(claim)] } })).toBe(
      'malformed',
    );
  });
});

describe('the chain', () => {
  it('to another root is refused, whatever that root calls itself', async () => {
    const other = await makeApple(now);
    expect(await verdict(await other.attest(claim))).toBe('untrusted');
    expect(await verdict(await other.attest(claim, { chain: [apple.intermediate.certificate] }))).toBe('untrusted');
  });

  it('of a device that signs for itself is refused', async () => {
    const own = await issue({ name: 'Root', isAuthority: true }, { now });
    expect(await verdictOf({ issuer: own, chain: [] })).toBe('untrusted');
    expect(await verdictOf({ issuer: own, chain: [own.certificate] })).toBe('untrusted');
  });

  it('without its intermediate is refused', async () => {
    expect(await verdictOf({ chain: [] })).toBe('untrusted');
  });

  it('with a certificate too many, or in the wrong order, is refused', async () => {
    const { root, intermediate } = apple;
    expect(await verdictOf({ chain: [intermediate.certificate, root.certificate] })).toBe('untrusted');
    const stranger = await issue({ name: 'Stranger', isAuthority: true }, { now });
    expect(await verdictOf({ chain: [intermediate.certificate, stranger.certificate] })).toBe('untrusted');
    expect(await verdictOf({ chain: [stranger.certificate, intermediate.certificate] })).toBe('untrusted');
    const four = [intermediate, intermediate, intermediate].map(({ certificate }) => certificate);
    expect(await verdictOf({ chain: four })).toBe('malformed');
  });

  it('through a certificate that may not sign others is refused', async () => {
    const { root } = apple;
    const noAuthority = await issue({ name: 'A' }, { now, issuer: root });
    const noUsage = await issue(
      { name: 'B', isAuthority: true, usages: KeyUsageFlags.digitalSignature },
      { now, issuer: root },
    );
    for (const issuer of [noAuthority, noUsage]) {
      expect(await verdictOf({ issuer, chain: [issuer.certificate] })).toBe('untrusted');
    }
  });

  it('is no longer than its authorities allow', async () => {
    const { root, intermediate } = apple;
    const below = await issue({ name: 'Below', isAuthority: true }, { now, issuer: intermediate });
    expect(await verdictOf({ issuer: below, chain: [below.certificate, intermediate.certificate] })).toBe('untrusted');
    const free = await issue({ name: 'Free', isAuthority: true }, { now, issuer: root });
    const underFree = await issue({ name: 'Under', isAuthority: true }, { now, issuer: free });
    expect(await verdictOf({ issuer: underFree, chain: [underFree.certificate, free.certificate] })).toBeUndefined();
  });

  it('is valid to the end of its leeway and from its beginning', async () => {
    const thru = new Date(now.getTime() + day);
    const payload = await apple.attest(claim, { device: { from: now, thru } });
    const at = (time: number) => verdict(payload, { at: new Date(time) });
    expect(await at(thru.getTime() + 60_000)).toBeUndefined();
    expect(await at(thru.getTime() + 61_000)).toBe('expired');
    expect(await at(now.getTime() - 60_000)).toBeUndefined();
    expect(await at(now.getTime() - 61_000)).toBe('expired');
  });

  it('through an expired intermediate, or to an expired root, is refused', async () => {
    const { root } = apple;
    const expired = await issue(
      { name: 'Old', isAuthority: true, thru: new Date(now.getTime() - day / 2) },
      { now, issuer: root },
    );
    expect(await verdictOf({ issuer: expired, chain: [expired.certificate] })).toBe('expired');
    expect(await verdictOf({ device: { thru: new Date('2040-01-01') } }, { at: new Date('2039-01-01') })).toBe(
      'expired',
    );
  });

  it('with a critical extension that is not understood is refused', async () => {
    const strange = new Extension('1.2.3.4', true, new Uint8Array([5, 0]));
    const issuer = await issue({ name: 'C', isAuthority: true, extensions: [strange] }, { now, issuer: apple.root });
    expect(await verdictOf({ issuer, chain: [issuer.certificate] })).toBe('malformed');
  });

  it('leads to any of several roots', async () => {
    const other = await makeApple(now);
    expect(await verdictOf({}, { rootCertificates: [other.rootPem, apple.rootPem] })).toBeUndefined();
  });

  it('under a certificate of the root’s name but another key is refused', async () => {
    const twin = await issue({ name: 'Root', isAuthority: true, keys: await makeKeyPair('P-384') }, { now });
    const issuer = await issue({ name: 'Intermediate', isAuthority: true }, { now, issuer: twin });
    expect(await verdictOf({ issuer, chain: [issuer.certificate] })).toBe('untrusted');
  });
});

describe('what is no App Attest object', () => {
  const object = async () => Buffer.from(await apple.attest(claim), 'base64');
  const text = (bytes: Uint8Array | string) => Buffer.from(bytes as string, 'latin1').toString('base64');

  it('is malformed: other formats and missing parts', async () => {
    for (const change of [
      { fmt: 'packed' },
      { fmt: null },
      { attStmt: {} },
      { attStmt: { x5c: [] } },
      { attStmt: { x5c: ['text'] } },
      { attStmt: { x5c: [new Uint8Array([1, 2, 3])] } },
      { authData: 'text' },
      { authData: new Uint8Array(0) },
      { authData: new Uint8Array(86) },
    ]) {
      expect(await verdictOf({ object: change })).toBe('malformed');
    }
    expect(await verdictOf({ flags: 0 })).toBe('malformed');
    expect(await verdictOf({ credentialId: Buffer.alloc(1024) })).toBe('malformed');
  });

  it('is malformed: truncated at any place, or followed by anything', async () => {
    const whole = await object();
    for (let end = 0; end < whole.length; end += 97)
      expect(await verdict(text(whole.subarray(0, end)))).toBe('malformed');
    expect(await verdict(text(Buffer.concat([whole, Buffer.of(0)])))).toBe('malformed');
  });

  it('is malformed: authenticator data cut anywhere before its key', async () => {
    for (const length of [36, 53, 54, 55, 86, 87]) {
      expect(await verdictOf({ object: { authData: new Uint8Array(length).fill(0x40) } })).toBe('malformed');
    }
  });

  it('is malformed: CBOR with repeated keys, huge lengths, open ends, tags or deep nesting', async () => {
    const nested = Buffer.alloc(40_000, 0x81);
    for (const hex of [
      'a2616101616102',
      '9bffffffffffffffff',
      'bbffffffffffffffff',
      '5bffffffffffffffff',
      '9a7fffffff',
      '5a7fffffff00',
      '9fff',
      'bfff',
      'c11a514b67b0',
      'f7',
      '1800',
      '',
      'ff',
    ]) {
      expect(await verdict(Buffer.from(hex, 'hex').toString('base64'))).toBe('malformed');
    }
    expect(await verdict(nested.toString('base64'))).toBe('malformed');
    expect(await verdict('!')).toBe('malformed');
  });

  it('is refused and nothing worse, whatever bytes are sent', { timeout: 60_000 }, async () => {
    const whole = await object();
    const mutation = fc
      .array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((changes) => {
        const copy = Buffer.from(whole);
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      });
    const value = fc.letrec((tie) => ({
      node: fc.oneof({ maxDepth: 4 }, fc.string(), fc.nat(), fc.uint8Array(), fc.array(tie('node'), { maxLength: 3 })),
    })).node;
    const shaped = fc
      .record({ fmt: fc.constant('apple-appattest'), attStmt: fc.record({ x5c: value }), authData: value })
      .map((shape) => Buffer.from(encode(shape)));
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutation, shaped, fc.uint8Array({ maxLength: 300 })), async (bytes) => {
        const isSame = Buffer.from(bytes).equals(whole);
        const before = process.cpuUsage();
        const fault = await verdict(Buffer.from(bytes).toString('base64'));
        expect(cpuMs(before)).toBeLessThan(1_000);
        if (!isSame && !isReceiptOnly(Buffer.from(bytes), whole)) expect(typeof fault).toBe('string');
      }),
      { numRuns: 300 },
    );
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (payload) => {
        expect(await verdict(payload)).toBe('malformed');
      }),
      { numRuns: 200 },
    );
  });

  /** The receipt, its name included, is for Apple alone: what stands there is not looked at. */
  function isReceiptOnly(bytes: Buffer, whole: Buffer): boolean {
    const start = whole.indexOf('receipt');
    const end = start + 'receipt'.length + 2 + 40;
    return (
      bytes.length === whole.length &&
      bytes.subarray(0, start).equals(whole.subarray(0, start)) &&
      bytes.subarray(end).equals(whole.subarray(end))
    );
  }
});
