/** Signatures are verified with the recorded key before anyone sees them. */
import { createSign, generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { signDigest } from '../../../src/platform/key-manager/sign-digest.ts';
import { signVerified } from '../../../src/export/keys/sign-verified.ts';
import { isSignatureOf, sha256 } from '../../platform/key-manager/key-manager-suite.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const recorded = {
  key: 'export-signing',
  managerVersion: '1',
  publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
};
const message = Buffer.from('message');
const digest = sha256(message);

const content = {
  sha256: digest,
  isSignedBy: (key: string, signature: Uint8Array) => verify('sha256', message, key, signature),
};

async function signedBy(give: () => Uint8Array): Promise<Uint8Array> {
  return await signVerified({ sign: () => Promise.resolve(give()) }, recorded, content);
}

test('the signature of the recorded key is given on, many times', async () => {
  for (let round = 0; round < 50; round++) {
    // OpenSSL's signatures are random, and half of them have a high s.
    const signature = createSign('sha256').update(message).sign(privateKey);
    expect(isSignatureOf(message, recorded.publicKeyPem, await signedBy(() => signature))).toBe(true);
  }
});

const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const good = Buffer.from(signDigest(privateKey, digest));
test.for<[string, Uint8Array]>([
  ["another version's key", signDigest(other, digest)],
  ['another digest', signDigest(privateKey, sha256('another'))],
  ['the digest hashed once more', signDigest(privateKey, sha256(digest))],
  ['an RSA key', createSign('sha256').update(message).sign(rsa)],
  ['raw r and s', Buffer.concat([good.subarray(4, 36), good.subarray(-32)])],
  ['random bytes', randomBytes(70)],
  ['zeros', new Uint8Array(70)],
  ['r = 0 and s = 0', Buffer.from('3006020100020100', 'hex')],
  ['nothing', new Uint8Array()],
  ['bytes after the end', Buffer.concat([good, Buffer.of(0)])],
  ['an end that was cut off', good.subarray(0, -1)],
])('a signature of %s is refused', async ([, signature]) => {
  await expect(signedBy(() => signature)).rejects.toMatchObject({ kind: 'internal', code: 'signature_refused' });
});
