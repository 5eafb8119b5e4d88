/** The file that tells `enmesh publish` which phone to be; `enmesh dev` writes one into its data directory. */
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import { readPrivateKey } from './certificate.ts';
import { readJsonObject } from './json-file.ts';

/** A phone with an app, and the health authority that certifies it. */
export interface Phone {
  /** Without a slash at its end. */
  readonly gatewayUrl: string;
  /** The app: `healthAuthorityID` of its requests. */
  readonly appId: string;
  readonly issuer: string;
  readonly audience: string;
  readonly kid: string;
  readonly privateKey: KeyObject;
  /** Where the app looks for exposures. */
  readonly indexUrl: string | undefined;
}

/**
 * Reads `{gatewayUrl, appId, issuer, audience, kid, privateKeyFile, indexUrl?}`; `privateKeyFile` counts from the
 * file's folder.
 * @throws AppError `invalid_configuration` naming the file and every fault
 */
export async function readPhone(path: string): Promise<Phone> {
  const document = await readJsonObject(
    path,
    '`enmesh dev` writes one into its data directory; or name one with --phone',
  );
  const names = ['gatewayUrl', 'appId', 'issuer', 'audience', 'kid', 'privateKeyFile'] as const;
  const missing = names.filter((name) => typeof document[name] !== 'string' || document[name] === '');
  if (missing.length > 0) throw unusable(path, `wants text in ${missing.join(', ')}`);
  const text = (name: string): string => String(document[name]);
  if (!/^https?:\/\//.test(text('gatewayUrl')) || !URL.canParse(text('gatewayUrl'))) {
    throw unusable(path, 'wants an http or https URL in gatewayUrl');
  }
  return {
    gatewayUrl: text('gatewayUrl').replace(/\/+$/, ''),
    appId: text('appId'),
    issuer: text('issuer'),
    audience: text('audience'),
    kid: text('kid'),
    privateKey: readPrivateKey(await readKeyFile(path, text('privateKeyFile'))),
    indexUrl: typeof document['indexUrl'] === 'string' ? document['indexUrl'] : undefined,
  };
}

async function readKeyFile(phonePath: string, keyPath: string): Promise<string> {
  try {
    return await readFile(resolve(dirname(phonePath), keyPath), 'utf8');
  } catch (error) {
    throw new AppError(
      'invalid',
      'invalid_configuration',
      `${phonePath} names a privateKeyFile that cannot be read: ${keyPath}`,
      {
        cause: error,
      },
    );
  }
}

function unusable(path: string, fault: string): AppError {
  return new AppError('invalid', 'invalid_configuration', `${path} ${fault}`);
}
