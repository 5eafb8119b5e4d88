/** Which regions a publish is for (reference 2, step 3). */
import { AppError } from '../../domain/errors.ts';
import type { App } from './authority-cache.ts';
import type { PublishCommand } from './command.ts';
import { echo } from './echo.ts';

/**
 * The regions that the request names, if the app may write there, or else all of the app's.
 * @returns upper case, each once, sorted
 * @throws AppError unauthenticated `unauthorized_region`, or internal `health_authority_missing_region_config`
 */
export function regionsOf(command: Pick<PublishCommand, 'appId' | 'regions'>, app: App): readonly string[] {
  const allowed = normalise(app.regions);
  const named = normalise(command.regions);
  const wrong = named.find((region) => region.includes('\0') || (allowed.length > 0 && !allowed.includes(region)));
  if (wrong !== undefined) {
    const attempt = `app ${echo(command.appId)} tried to write to unauthorized region ${echo(wrong)}`;
    throw new AppError('unauthenticated', 'unauthorized_region', `verifying allowed regions: ${attempt}`);
  }
  const regions = named.length > 0 ? named : allowed;
  if (regions.length > 0) return regions;
  throw new AppError(
    'internal',
    'health_authority_missing_region_config',
    `unknown health authority regions for ${echo(command.appId)}`,
  );
}

function normalise(regions: readonly string[]): readonly string[] {
  if (regions.length === 0) return regions;
  return [...new Set(regions.map((region) => region.toUpperCase()))].sort();
}
