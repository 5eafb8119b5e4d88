/** Partners by the names that operators give. */
import { AppError } from '../../domain/errors.ts';
import type { Queryable } from '../../storage/database.ts';
import { findPartner, readKnownPartners, type KnownPartner } from '../../storage/partners/partners.ts';

/**
 * The partner of that name.
 * @throws AppError not_found `partner_not_found`
 */
export async function namedPartner(database: Queryable, name: string): Promise<KnownPartner> {
  // PostgreSQL has no NUL in text.
  const partner = name.includes('\0') ? null : await findPartner(database, name);
  if (partner !== null) return partner;
  const message = 'no partner has this name: `enmesh federation status` lists them';
  throw new AppError('not_found', 'partner_not_found', message);
}

/**
 * The partner of that name, or all when it is empty.
 * @throws AppError not_found `partner_not_found`
 */
export async function namedPartners(database: Queryable, name: string): Promise<readonly KnownPartner[]> {
  return name === '' ? await readKnownPartners(database) : [await namedPartner(database, name)];
}
