/** What is known of a key, for people and for programs. */
import { KeyVerdict, type ExplainKeyResponse, type KeyPlacement } from '../gen/enmesh/export/v1/export.ts';
import { formatTable, formatTime } from './table.ts';

const verdictWords: Readonly<Record<number, string>> = {
  [KeyVerdict.PUBLISHED]: 'published',
  [KeyVerdict.WAITING]: 'waiting',
  [KeyVerdict.EXCLUDED]: 'excluded',
  [KeyVerdict.EXPIRED]: 'expired',
};

function verdictWord({ verdict }: KeyPlacement): string {
  return verdictWords[verdict] ?? 'unspecified';
}

/** The answer with words for verdicts. */
export function knownKeyJson(known: ExplainKeyResponse): unknown {
  const placements = known.placements.map((placement) => ({ ...placement, verdict: verdictWord(placement) }));
  return { ...known, placements };
}

const nothingKnown =
  'nothing is known of this key: it was never accepted, withdrawn before it was published, or deleted for its age\n';

/** Where the key comes from, then a line for each list of each export. */
export function knownKeyText(known: ExplainKeyResponse): string {
  if (known.unknown) return nothingKnown;
  const origin = known.generated ? 'generated to hide how few real keys there are, for' : 'accepted in';
  const revised = known.revised === undefined ? '' : `, revised in that of ${formatTime(known.revised)}`;
  const withdrawn = known.withdrawn === undefined ? '' : `, withdrawn in that of ${formatTime(known.withdrawn)}`;
  const head = `${origin} the window of ${formatTime(known.created)}${revised}${withdrawn}\n`;
  return known.placements.length === 0 ? `${head}there is no export\n` : `${head}\n${placementTable(known.placements)}`;
}

function placementTable(placements: readonly KeyPlacement[]): string {
  return formatTable(
    [
      { heading: 'EXPORT' },
      { heading: 'LIST' },
      { heading: 'VERDICT' },
      { heading: 'FILE' },
      { heading: 'NOT BEFORE' },
      { heading: 'WINDOW' },
      { heading: 'REASON' },
    ],
    placements.map((placement) => [
      placement.exportName,
      placement.isRevised ? 'revised keys' : 'keys',
      verdictWord(placement),
      placement.file || '-',
      formatTime(placement.due),
      placement.start === undefined ? '-' : `${formatTime(placement.start)} – ${formatTime(placement.end)}`,
      placement.reason,
    ]),
  );
}
