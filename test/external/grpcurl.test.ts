/** What an operator does with grpcurl, without any file of ours: reflection, health, and calls. */
import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Playground } from '../support/enmesh.ts';

const grpcurl = ['grpcurl', join(homedir(), 'go', 'bin', 'grpcurl')].find(
  (path) => spawnSync(path, ['-version']).status === 0,
);
if (grpcurl === undefined) console.log('skipped: grpcurl is not installed');

describe.skipIf(grpcurl === undefined)('grpcurl', () => {
  it('lists, describes and calls what every role offers', { timeout: 120_000 }, async () => {
    await using playground = await Playground.open();
    const dev = playground.start(['dev']);
    await dev.prints(/^ready$/m);
    const call = (role: string, ...args: string[]): string => {
      const { stdout, stderr } = spawnSync(
        grpcurl!,
        ['-plaintext', ...args.slice(0, -1), playground.env[role]!, args.at(-1)!],
        {
          encoding: 'utf8',
        },
      );
      return stdout + stderr;
    };
    expect(call('ENMESH_GRPC_ADDRESS', 'list')).toContain('enmesh.publish.v1.PublishService');
    expect(call('ENMESH_EXPORT_ADDRESS', 'list')).toContain('enmesh.export.v1.ExportService');
    for (const role of ['ENMESH_GRPC_ADDRESS', 'ENMESH_EXPORT_ADDRESS', 'ENMESH_FEDERATION_ADDRESS']) {
      expect(call(role, 'grpc.health.v1.Health/Check')).toContain('SERVING');
    }
    expect(call('ENMESH_GRPC_ADDRESS', 'enmesh.admin.v1.AdminService/Get')).toContain('org.example.health');
    expect(call('ENMESH_EXPORT_ADDRESS', '-d', '{"limit": 1}', 'enmesh.export.v1.ExportService/ListBatches')).toMatch(
      /^\{/,
    );
    const refused = call(
      'ENMESH_GRPC_ADDRESS',
      '-d',
      '{"healthAuthorityId": "nobody"}',
      'enmesh.publish.v1.PublishService/Publish',
    );
    expect(refused).toContain('Unauthenticated');
  });
});
