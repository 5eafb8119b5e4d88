/** `enmesh doctor` on who is who among partners. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Finding } from '../../../src/cli/doctor/finding.ts';
import { ensureIdentityKey } from '../../../src/federation/identity/ensure.ts';
import {
  PartnerServiceDefinition,
  type PartnerServiceImplementation,
} from '../../../src/gen/enmesh/federation/v1/partners.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { grpcService } from '../../../src/platform/grpc/server.ts';
import { FilesystemKeyManager } from '../../../src/platform/key-manager/filesystem.ts';
import { savePartner } from '../../../src/storage/configuration/partners.ts';
import { partnerOf, silent } from '../../federation/auth/authority.ts';
import { plain, start } from '../../platform/grpc/installation.ts';
import { startIssuer } from '../../support/issuer.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { runCommand } from '../run-command.ts';

/** Nothing listens there. */
const nowhere = '127.0.0.1:1';

/** An installation without roles, and what doctor finds in it. */
async function startInstallation() {
  const { database, url, ...test } = await createTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'enmesh-doctor-'));
  onTestFinished(async () => {
    await test[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true });
  });
  const env = {
    ENMESH_DATABASE_URL: url,
    ENMESH_DATA_DIR: dataDir,
    ENMESH_UNSAFE_LOOPBACK: 'true',
    ENMESH_GRPC_ADDRESS: nowhere,
    ENMESH_EXPORT_ADDRESS: nowhere,
    ENMESH_FEDERATION_ADDRESS: nowhere,
    ENMESH_GATEWAY_ADDRESS: nowhere,
  };
  return {
    database,
    keyManager: new FilesystemKeyManager(join(dataDir, 'keys')),
    examine: async (more: Record<string, string>) => {
      const { stdout } = await runCommand(['doctor', '--json'], { env: { ...env, ...more } });
      const { findings } = JSON.parse(stdout) as { findings: Finding[] };
      return new Map(findings.map((finding) => [finding.check, finding]));
    },
  };
}

it('nothing is said of identities where there are no partners', async () => {
  const { examine } = await startInstallation();
  const findings = await examine({});
  expect([findings.has('identity'), findings.has('discovery')]).toEqual([false, false]);
});

it('what lacks is named: the issuer, its key, its documents, and the issuer of a partner', async () => {
  const { database, examine } = await startInstallation();
  await using theirs = await startIssuer();
  await savePartner(database, partnerOf(theirs.issuer));
  expect((await examine({})).get('identity')).toMatchObject({
    status: 'failed',
    message: 'ENMESH_IDENTITY_ISSUER is not set',
  });
  await theirs.close();
  const findings = await examine({ ENMESH_IDENTITY_ISSUER: `http://${nowhere}` });
  expect(findings.get('identity')).toMatchObject({
    status: 'failed',
    cure: expect.stringContaining('enmesh keys create identity') as string,
  });
  expect(findings.get('discovery')).toMatchObject({
    status: 'failed',
    cure: expect.stringContaining('/.well-known/') as string,
  });
  expect(findings.get('issuer of bb')?.status).toBe('failed');
});

it('a sound identity is told, and a partner that we call waits for the federation role to call it', async () => {
  const { database, keyManager, examine } = await startInstallation();
  await using ours = await startIssuer();
  await using theirs = await startIssuer();
  const pull = { regions: [], excludeRegions: [], onlyTravelers: false, protocol: 'stream' } as const;
  await savePartner(database, partnerOf(theirs.issuer, { pull }));
  const identity = {
    source: 'own',
    issuer: ours.issuer,
    subject: 'federation',
    key: 'identity',
    credentialsFile: undefined,
  } as const;
  const deps = { database, clock: systemClock, keyManager, logger: silent, identity };
  await ensureIdentityKey(deps, { createMissing: true });
  const findings = await examine({ ENMESH_IDENTITY_ISSUER: ours.issuer });
  expect(findings.get('identity')?.status).toBe('ok');
  expect(findings.get('discovery')).toMatchObject({ status: 'ok', message: `${ours.issuer} publishes 1 key` });
  expect(findings.get('issuer of bb')?.status).toBe('ok');
  // The check of the role says that it is away.
  expect(findings.get('partner bb')).toMatchObject({ status: 'skipped', cure: '' });
  expect(findings.get('federation role')?.status).toBe('failed');
});

it('a federation role that refuses the operator is not taken for the partner', async () => {
  const { database, examine } = await startInstallation();
  await using theirs = await startIssuer();
  const pull = { regions: [], excludeRegions: [], onlyTravelers: false, protocol: 'stream' } as const;
  await savePartner(database, partnerOf(theirs.issuer, { pull }));
  const unused = () => Promise.reject(new Error('not in this test'));
  const names = Object.keys(PartnerServiceDefinition.methods);
  const methods = Object.fromEntries(names.map((name) => [name, unused])) as unknown as PartnerServiceImplementation;
  await using role = await start([grpcService(PartnerServiceDefinition, methods)], {
    settings: { ...plain, callerTokens: new Map([['a token', 'operate']]) },
  });
  const findings = await examine({ ENMESH_FEDERATION_TARGET: role.target });
  expect(findings.get('partner bb')).toMatchObject({
    status: 'failed',
    message: expect.stringContaining('the caller is not known') as string,
    cure: expect.stringContaining('our own federation role') as string,
  });
});
