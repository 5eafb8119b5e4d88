/** Why we cannot prove who we are, each with its cure. */
import { AppError } from '../../domain/errors.ts';

/** Nobody has said who we are. */
export function issuerMissing(): AppError {
  return missing(
    'who we are to partners is not said: set ENMESH_IDENTITY_ISSUER to the https URL under which the gateway serves /.well-known/openid-configuration',
  );
}

/** Our issuer has no key. */
export function identityKeyMissing(key: string): AppError {
  return missing(
    `our issuer has no key ${key}: run \`enmesh keys create ${key}\` and start the federation role anew, or set ENMESH_CREATE_KEYS=true on one replica`,
  );
}

function missing(message: string): AppError {
  return new AppError('precondition', 'identity_missing', message);
}
