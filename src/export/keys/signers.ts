/** Who signs a file, each with the public key that phones verify with. */
import type { SignerChoice } from '../../domain/export/batch.ts';
import { AppError } from '../../domain/errors.ts';
import { recordedPublicKeys } from '../../storage/exports/signing-keys.ts';
import type { Signer } from '../file/write.ts';
import type { ExportDeps } from '../settings.ts';
import { signVerified } from './sign-verified.ts';

/**
 * Signers in the order of their choice. A signature is verified with the recorded public key before anyone sees it.
 * @throws AppError `precondition`/`signing_key_missing` when a key is no longer configured
 */
export async function recordedSigners(
  { database, keyManager }: Pick<ExportDeps, 'database' | 'keyManager'>,
  choices: readonly SignerChoice[],
): Promise<readonly Signer[]> {
  const publicKeys = await recordedPublicKeys(database, choices);
  return choices.map(({ key, managerVersion, keyId, keyVersion }, index) => {
    const publicKeyPem = publicKeys[index];
    if (publicKeyPem === undefined) throw noLongerConfigured();
    return {
      info: { keyId, keyVersion },
      sign: (content) => signVerified(keyManager, { key, managerVersion, publicKeyPem }, content),
    };
  });
}

function noLongerConfigured(): AppError {
  return new AppError(
    'precondition',
    'signing_key_missing',
    'a key that was to sign the file is no longer configured: `enmesh export reprocess` decides anew who signs',
  );
}
