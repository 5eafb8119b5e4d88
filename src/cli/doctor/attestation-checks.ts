/** Device attestation: the keys and roots that apps name can be used. */
import { X509Certificate } from 'node:crypto';
import { decodeDecryptionKey, decodeVerificationKey } from '../../domain/attestation/play-keys.ts';
import type { AndroidAttestation, App } from '../../domain/configuration/configuration.ts';
import { resolveSecret } from '../../platform/secrets/secrets.ts';
import { readApps } from '../../storage/configuration/apps.ts';
import type { Database } from '../../storage/database.ts';
import type { Io } from '../io.ts';
import { count } from '../table.ts';
import { failed, ok, attempt, type Finding } from './finding.ts';

const check = 'attestation';
const cure = 'docs/attestation.md tells where keys and roots come from; run doctor where the server role runs';

/** Nothing is said where no app looks at attestations. */
export async function checkAttestation(io: Io, database: Database): Promise<readonly Finding[]> {
  return await attempt(check, cure, async () => {
    const apps = (await readApps(database)).filter(({ attestation }) => attestation !== 'off');
    if (apps.length === 0) return [];
    const faults = (await Promise.all(apps.map(async (app) => await faultsOf(app, io)))).flat();
    if (faults.length > 0) return failed(check, faults.join('; '), cure);
    return ok(check, `keys and roots of ${count(apps.length, 'app')} can be used`);
  });
}

async function faultsOf({ id, android, ios }: App, io: Io): Promise<readonly string[]> {
  const ofAndroid = android === null ? [] : await keyFaults(android, io);
  const ofIos = (ios?.rootCertificates ?? []).flatMap((pem) => rootFaults(pem, io));
  return [...ofAndroid, ...ofIos].map((fault) => `${id}: ${fault}`);
}

async function keyFaults({ decryptionKey, verificationKey }: AndroidAttestation, io: Io): Promise<readonly string[]> {
  return [
    ...(await keyFault('decryptionKey', decryptionKey, { io, decode: decodeDecryptionKey })),
    ...(await keyFault('verificationKey', verificationKey, { io, decode: decodeVerificationKey })),
  ];
}

async function keyFault(
  field: string,
  reference: string,
  { io, decode }: { readonly io: Io; decode(text: string): Buffer | undefined },
): Promise<readonly string[]> {
  try {
    return decode(await resolveSecret(reference, io.env)) ? [] : [`android.${field} is not such a key in base64`];
  } catch (error) {
    return [`android.${field} ${error instanceof Error ? error.message : 'cannot be read'}`];
  }
}

function rootFaults(pem: string, io: Io): readonly string[] {
  const { validToDate } = new X509Certificate(pem);
  return validToDate > io.clock.now() ? [] : ['a certificate of ios.rootCertificates has ended'];
}
