/** Bytes that are no message are their sender's fault, whatever the method. */
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { adminService, start } from './installation.ts';

/** A field of a type that there is not. */
const noMessage = Buffer.from([0xff, 0xff, 0xff]);

test('a request that cannot be read is invalid, and the server goes on', async () => {
  await using installation = await start([adminService(() => Promise.resolve({ configuration: undefined }))]);
  const client = new Client(installation.target, credentials.createInsecure());
  const call = (bytes: Buffer) =>
    new Promise<ServiceError | null>((resolve) => {
      const asTheyAre = (message: Buffer) => message;
      client.makeUnaryRequest('/enmesh.admin.v1.AdminService/Get', asTheyAre, asTheyAre, bytes, (error) => {
        resolve(error);
      });
    });
  const error = await call(noMessage);
  expect(error?.code).toBe(status.INVALID_ARGUMENT);
  expect(error?.metadata.get('error-code')).toEqual(['bad_request']);
  expect(await call(Buffer.alloc(0))).toBeNull();
  client.close();
});
