/** What a case left in the database. */
import type { Database } from '../../../src/storage/database.ts';
import type { Authority } from '../../support/authority.ts';
import type { ExposureRow } from '../../server/publish/publisher.ts';

/** Rows of an authority's app, oldest key first. */
export async function storedBy(database: Database, { appRowId }: Authority): Promise<ExposureRow[]> {
  const text = 'select * from exposures where app_id = $1 order by interval_start, interval_count, key';
  return (await database.query<ExposureRow>(text, [appRowId])).rows;
}
