/** The OpenAPI 3.1 document of a gateway, as it is configured. */
import type { GatewaySettings } from '../settings.ts';
import { apiPaths } from './api-paths.ts';
import { documentPath, filePaths, issuerPaths } from './file-paths.ts';
import type { Part } from './part.ts';
import { schemas } from './schemas.ts';

/** Where the document is, and how long it may be kept. */
export const openApiPath = '/openapi.json';
export const openApiCacheControl = 'public, max-age=300';

const description = [
  'Phones publish keys and read files of keys; health authorities read statistics.',
  'Names of request members match without case, unknown members are ignored, and null means absent.',
  'After a status of 429 or 5xx the same request may be sent again: it is never stored twice.',
].join(' ');

/** Puts it together. */
export function openApiDocument(settings: Pick<GatewaySettings, 'hasV1Alpha1'>): Part {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Enmesh gateway',
      version: 'v1',
      description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: {
      ...apiPaths(settings),
      ...filePaths(),
      ...issuerPaths(),
      ...documentPath(openApiPath, openApiCacheControl),
    },
    components: {
      schemas: schemas(settings),
      securitySchemes: {
        healthAuthority: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'ES256, signed with the key of the certificates; `aud` is that of statistics.',
        },
      },
    },
  };
}
