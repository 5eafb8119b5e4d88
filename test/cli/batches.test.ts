/** Batches as text: what failed, and what a person reads. */
import { describe, expect, it } from 'vitest';
import { batchTable, describeBatch, hasFailed } from '../../src/cli/batches.ts';
import { BatchStatus, type Batch } from '../../src/gen/enmesh/export/v1/export.ts';

const complete: Batch = {
  id: 12n,
  exportName: 'aa',
  start: new Date('2026-03-15T12:00:00Z'),
  end: new Date('2026-03-15T16:00:00Z'),
  status: BatchStatus.COMPLETE,
  attempts: 1,
  lastError: '',
  notBefore: undefined,
  files: [
    { name: 'aa/1-2-00001.zip', keys: 1014, revisedKeys: 0, size: 29_512n },
    { name: 'aa/2-3-00002.zip', keys: 0, revisedKeys: 3, size: 512n },
  ],
};

describe('a batch', () => {
  it('is described with a line for each file', () => {
    expect(describeBatch(complete)).toBe(
      'batch 12  aa  2026-03-15T12:00:00Z – 2026-03-15T16:00:00Z  complete\n' +
        '  aa/1-2-00001.zip  1014 keys, 29.5 kB\n' +
        '  aa/2-3-00002.zip  0 keys, 3 revised, 512 B\n',
    );
  });

  it('has failed when its last try did and no later one completed it', () => {
    expect(hasFailed(complete)).toBe(false);
    expect(hasFailed({ ...complete, status: BatchStatus.OPEN })).toBe(false);
    expect(hasFailed({ ...complete, lastError: 'an older one' })).toBe(false);
    const failed = { ...complete, status: BatchStatus.OPEN, lastError: 'no signing key', files: [], attempts: 2 };
    expect(hasFailed(failed)).toBe(true);
    expect(describeBatch(failed)).toContain('\n  failed after 2 tries: no signing key\n');
    const waiting = { ...failed, notBefore: new Date('2026-03-15T16:00:10Z') };
    expect(describeBatch(waiting)).toContain(': no signing key\n  next try at 2026-03-15T16:00:10Z\n');
    expect(batchTable([waiting])).toMatch(/ open +2 +0 +2026-03-15T16:00:10Z {2}no signing key$/m);
  });

  it('is a line of the list, with all its keys counted', () => {
    const [heading, line] = batchTable([complete]).split('\n');
    expect(heading).toMatch(/^BATCH {2}EXPORT/);
    expect(line).toMatch(/^ {3}12 {2}aa .* complete +1 +1017 {2}aa\/1-2-00001\.zip aa\/2-3-00002\.zip$/);
  });
});
