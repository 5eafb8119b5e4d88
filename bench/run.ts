/** `npm run bench [publish|export|download|federation|side-channel]`: what Enmesh costs beside what PostgreSQL or nginx alone would cost, in the same run. */
import { benchDownload } from './download.ts';
import { benchExport } from './export.ts';
import { benchFederation } from './federation.ts';
import { benchPublish } from './publish.ts';
import { benchSideChannel } from './side-channel.ts';

const benches: Readonly<Record<string, () => Promise<void>>> = {
  publish: benchPublish,
  export: benchExport,
  download: benchDownload,
  federation: benchFederation,
  'side-channel': benchSideChannel,
};
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`bench: there is no ${unknown.join(', ')}; there is ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length === 0 || wanted.includes(name)) await bench();
}
