/** A server that takes pushes: real gRPC, a real database, and a partner with an issuer of its own. */
import { randomBytes } from 'node:crypto';
import { Metadata } from 'nice-grpc';
import type { SentKey } from '../../../src/domain/federation/sent-key.ts';
import type { SharedKey } from '../../../src/domain/federation/shared-key.ts';
import { openAuth } from '../../../src/federation/auth/open.ts';
import { authSettings } from '../../../src/federation/auth/settings.ts';
import { ensureIdentityKey } from '../../../src/federation/identity/ensure.ts';
import type { IntakeSettings } from '../../../src/federation/intake/settings.ts';
import { createPartnerLimits } from '../../../src/federation/limits/partner-limits.ts';
import { partnerLimitSettings } from '../../../src/federation/limits/settings.ts';
import { serveSettings } from '../../../src/federation/serve/settings.ts';
import { createFederationService } from '../../../src/federation/service.ts';
import { toKeyBatch } from '../../../src/federation/wire.ts';
import {
  FederationServiceDefinition,
  type PushRequest,
  type PushResponse,
} from '../../../src/gen/enmesh/federation/v1/federation.ts';
import { readValues } from '../../../src/platform/config/load.ts';
import { createGrpcClient } from '../../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer } from '../../../src/platform/grpc/server.ts';
import { FilesystemKeyManager } from '../../../src/platform/key-manager/filesystem.ts';
import type { KnownPartner } from '../../../src/storage/partners/partners.ts';
import { temporaryFolder } from '../../support/export-file.ts';
import { startIssuer, type TestIssuer } from '../../support/issuer.ts';
import { plain } from '../../platform/grpc/installation.ts';
import { openIntake, type Intake, type PartnerGrants } from '../intake/intake.ts';

/** What a test works with. */
export interface Receiver extends AsyncDisposable {
  readonly intake: Intake;
  readonly target: string;
  readonly issuer: TestIssuer;
  /** Configures a partner whose tokens the issuer makes. */
  addPartner(name: string, grants?: PartnerGrants): Promise<KnownPartner>;
  /** What a partner's call carries. */
  metadata(partner: KnownPartner): Promise<Metadata>;
  /** Pushes as the partner, over a connection of its own. Rejects with what ended the stream. */
  push(
    partner: KnownPartner,
    batches: AsyncIterable<PushRequest> | Iterable<PushRequest>,
  ): AsyncGenerator<PushResponse>;
}

/** Settings of a receiver. */
export interface ReceiverSettings extends Partial<IntakeSettings> {
  readonly readmitEveryMs?: number;
}

/** Starts it; use it with `await using`. */
export async function openReceiver({ readmitEveryMs = 10_000, ...settings }: ReceiverSettings = {}): Promise<Receiver> {
  await using opened = new AsyncDisposableStack();
  const intake = opened.use(await openIntake(settings));
  const issuer = opened.use(await startIssuer());
  const folder = opened.use(await temporaryFolder());
  const stopping = new AbortController();
  const values = await readValues(
    { ENMESH_IDENTITY_ISSUER: 'https://id.aa.example', ENMESH_UNSAFE_LOOPBACK: 'true' },
    false,
  );
  const common = { ...intake.deps, keyManager: new FilesystemKeyManager(folder.path) };
  const identities = await authSettings(values);
  await ensureIdentityKey({ ...common, identity: identities.identity }, { createMissing: true });
  const { authenticator } = await openAuth({ ...common, settings: identities, signal: stopping.signal });
  const limits = partnerLimitSettings(values);
  const service = createFederationService({
    serving: {
      ...intake.deps,
      authenticator,
      identity: { issuer: 'https://id.aa.example', subject: 'federation' },
      limits: createPartnerLimits(limits),
      settings: serveSettings(values, limits),
    },
    receiving: { ...intake.deps, authenticator, readmitEveryMs },
    stopping: stopping.signal,
  });
  const server = await startGrpcServer({
    ...intake.deps,
    settings: plain,
    services: [grpcService(FederationServiceDefinition, service)],
    isReady: () => Promise.resolve(true),
    stopTimeoutMs: 1_000,
  });
  opened.defer(() => server.stop());
  opened.defer(() => {
    stopping.abort();
  });
  const all = opened.move();
  const target = `127.0.0.1:${String(server.address.port)}`;
  const metadata = async ({ identity }: KnownPartner) => {
    const claims = { sub: identity.subject, aud: identity.audience };
    const token = await issuer.token(claims, { now: intake.clock.now() });
    const nonce = randomBytes(16).toString('base64url');
    return new Metadata({ authorization: `Bearer ${token}`, 'enmesh-nonce': nonce });
  };
  return {
    intake,
    target,
    issuer,
    addPartner: async (name, grants) => {
      const { id } = await intake.addPartner(name, grants);
      await intake.database.query('update partners set identity_issuer = $2, identity_subject = name where id = $1', [
        id,
        issuer.issuer,
      ]);
      return await intake.partner(id);
    },
    metadata,
    async *push(partner, batches) {
      const { client, close } = createGrpcClient(FederationServiceDefinition, target, {});
      try {
        yield* client.push(asyncOf(batches), { metadata: await metadata(partner) });
      } finally {
        close();
      }
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** A batch under an id that is made of a number. */
export function pushRequest(id: number, keys: readonly SentKey[]): PushRequest {
  return { id: Buffer.alloc(16, id), batch: toKeyBatch(keys as readonly SharedKey[]) };
}

async function* asyncOf<T>(values: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  yield* values;
}
