/** Every environment variable, declared once: name, reader, default, meaning. `docs/configuration.md` is made from it. */
import { addresses } from './variables/addresses.ts';
import { database } from './variables/database.ts';
import { federation } from './variables/federation.ts';
import { general } from './variables/general.ts';
import { keysAndSecrets } from './variables/keys-and-secrets.ts';
import { mirrorsAndImports } from './variables/mirrors-and-imports.ts';
import { publishing } from './variables/publishing.ts';
import { testInstallations } from './variables/test-installations.ts';
import { tlsAndCallers } from './variables/tls-and-callers.ts';
import { windowsAndExports } from './variables/windows-and-exports.ts';

export type { Variable } from './variables/declare.ts';

/** Heading in the documentation → its variables. */
export const variableGroups = {
  General: general,
  Database: database,
  Addresses: addresses,
  'TLS and callers': tlsAndCallers,
  'Windows and exports': windowsAndExports,
  Publishing: publishing,
  'Keys and secrets': keysAndSecrets,
  Federation: federation,
  'Mirrors and imports': mirrorsAndImports,
  'Test installations only': testInstallations,
} as const;

/** All of them. */
export const variables = {
  ...general,
  ...database,
  ...addresses,
  ...tlsAndCallers,
  ...windowsAndExports,
  ...publishing,
  ...keysAndSecrets,
  ...federation,
  ...mirrorsAndImports,
  ...testInstallations,
} as const;

/** Name of a variable. */
export type VariableName = keyof typeof variables;
