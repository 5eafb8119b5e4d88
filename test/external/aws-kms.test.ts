/** Keys in AWS KMS, as moto emulates it. */
import { KMSClient } from '@aws-sdk/client-kms';
import { afterAll, type TestContext } from 'vitest';
import { AwsCalls } from '../../src/platform/key-manager/aws-calls.ts';
import { AwsKmsKeyManager } from '../../src/platform/key-manager/aws.ts';
import { isSignatureOf, keyManagerSuite, sha256 } from '../platform/key-manager/key-manager-suite.ts';
import { type BlobEmulator, blobEmulators } from './blob-emulators.ts';
import { tool } from './tools.ts';

let moto: Promise<BlobEmulator> | undefined;

afterAll(async () => {
  await (await moto)?.[Symbol.asyncDispose]();
});

async function empty(context: TestContext) {
  tool(context, 'moto_server');
  moto ??= blobEmulators['moto (s3)']!(context);
  const endpoint = `http://127.0.0.1:${String((await moto).port)}`;
  await fetch(`${endpoint}/moto-api/reset`, { method: 'POST' });
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  const client = new KMSClient({ region: 'us-east-1', endpoint, credentials, maxAttempts: 1 });
  return {
    manager: new AwsKmsKeyManager(new AwsCalls(client, 10_000)),
    [Symbol.asyncDispose]: () => {
      client.destroy();
      return Promise.resolve();
    },
  };
}

// moto hashes a digest once more before it signs; the real service signs the digest as it is, which the tests against its
// documented answers hold on to.
keyManagerSuite('AWS KMS (moto)', empty, {
  verifies: (message, publicKeyPem, signature) => isSignatureOf(sha256(message), publicKeyPem, signature),
  encryptsWithSigningKeys: true,
});
