/** What an operator does with grpcurl, without any file of ours: reflection, health, and calls. */
import { describe, expect, it } from 'vitest';
import { Playground } from '../support/enmesh.ts';
import { run, tool } from './tools.ts';

const roles = ['ENMESH_GRPC_ADDRESS', 'ENMESH_EXPORT_ADDRESS', 'ENMESH_FEDERATION_ADDRESS'];

describe('grpcurl', () => {
  it('lists, describes and calls what every role offers', { timeout: 120_000 }, async (context) => {
    const grpcurl = tool(context, 'grpcurl');
    await using playground = await Playground.open();
    const dev = playground.start(['dev']);
    await dev.prints(/^ready$/m);
    const call = (role: string, method: string, data?: string): string => {
      const words = data === undefined ? [] : ['-d', data];
      return run(grpcurl, '-plaintext', ...words, playground.env[role]!, method).output;
    };
    expect(call('ENMESH_GRPC_ADDRESS', 'list')).toContain('enmesh.publish.v1.PublishService');
    expect(call('ENMESH_EXPORT_ADDRESS', 'list')).toContain('enmesh.export.v1.ExportService');
    // The deployed partners' service has no package.
    expect(call('ENMESH_FEDERATION_ADDRESS', 'list').split('\n')).toEqual(
      expect.arrayContaining(['Federation', 'enmesh.federation.v1.FederationService']),
    );
    expect(call('ENMESH_FEDERATION_ADDRESS', 'describe')).toContain('rpc Fetch');
    for (const role of roles) expect(call(role, 'grpc.health.v1.Health/Check')).toContain('"SERVING"');
    expect(call('ENMESH_GRPC_ADDRESS', 'enmesh.admin.v1.AdminService/Get')).toContain('org.example.health');
    const batches = call('ENMESH_EXPORT_ADDRESS', 'enmesh.export.v1.ExportService/ListBatches', '{"limit": 1}');
    expect(batches).toMatch(/^\{/);
    const stranger = '{"healthAuthorityId": "nobody"}';
    const refused = call('ENMESH_GRPC_ADDRESS', 'enmesh.publish.v1.PublishService/Publish', stranger);
    expect(refused).toContain('Unauthenticated');
  });
});
