/** docs/api.md names every route and every method, and who may call it. */
import { expect, it } from 'vitest';
import { allowedRoles } from '../../src/domain/caller-roles.ts';
import { openApiDocument } from '../../src/gateway/openapi/document.ts';
import { document, plain, tableRows } from './markdown.ts';

const markdown = document('api.md');

it('names the routes of /openapi.json', () => {
  const routes = tableRows(markdown, 'route', 'for', 'more').map(([route]) => plain(route));
  const { paths } = openApiDocument({ hasV1Alpha1: true });
  const described = Object.entries(paths as object).map(
    ([path, item]) => `${'post' in (item as object) ? 'POST' : 'GET'} ${path}`,
  );
  expect(routes.toSorted()).toEqual(described.toSorted());
});

it('names every method of gRPC with its callers', () => {
  const rows = tableRows(markdown, 'method', 'callers').map(([method, roles]) => [`/${plain(method)}`, roles]);
  const allowed = [...allowedRoles].map(([method, roles]) => [
    method,
    roles.map((role) => role.charAt(0).toUpperCase()).join(' '),
  ]);
  expect(rows).toEqual(allowed);
});
