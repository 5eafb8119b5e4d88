/** The configuration in force. */
import type { Configuration } from '../../domain/configuration/configuration.ts';
import type { Database, Queryable } from '../database.ts';
import { readApps } from './apps.ts';
import { readExports } from './exports.ts';
import { readHealthAuthorities } from './health-authorities.ts';
import { readImports } from './imports.ts';
import { lockConfiguration } from './lock.ts';
import { readMirrors } from './mirrors.ts';
import { readPartners } from './partners.ts';
import { readSigningKeys } from './signing-keys.ts';

/** Reads everything on a connection that holds the configuration's lock. */
export async function readLockedConfiguration(client: Queryable): Promise<Configuration> {
  return {
    healthAuthorities: await readHealthAuthorities(client),
    apps: await readApps(client),
    signingKeys: await readSigningKeys(client),
    exports: await readExports(client),
    partners: await readPartners(client),
    mirrors: await readMirrors(client),
    imports: await readImports(client),
  };
}

/** Reads everything as one apply left it. */
export async function readConfiguration(database: Database): Promise<Configuration> {
  return await database.transaction(async (client) => {
    await lockConfiguration(client, 'shared');
    return await readLockedConfiguration(client);
  });
}
