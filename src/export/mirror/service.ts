/** MirrorService: mirrors for operators. */
import type * as proto from '../../gen/enmesh/export/v1/mirror.ts';
import { readMirrorStates } from '../../storage/mirrors/mirrors.ts';
import { runMirrors } from './run-all.ts';
import type { MirrorDeps } from './settings.ts';
import { mirrorToWire } from './wire.ts';

/**
 * Implements the contract; who may call what is decided before a call arrives here.
 * @param stopping aborts runs, which are given back
 */
export function createMirrorService(deps: MirrorDeps, stopping: AbortSignal): proto.MirrorServiceImplementation {
  return {
    runMirrors: (request, { signal }) => run(deps, request, AbortSignal.any([signal, stopping])),
    listMirrors: async () => {
      const states = await readMirrorStates(deps.database, deps);
      return { mirrors: states.map(mirrorToWire) };
    },
  };
}

async function* run(
  deps: MirrorDeps,
  { name }: proto.RunMirrorsRequest,
  signal: AbortSignal,
): AsyncGenerator<proto.RunMirrorsResponse> {
  for await (const { state, isDone } of runMirrors(deps, { ...(name === '' ? {} : { name }), signal })) {
    yield { mirror: mirrorToWire(state), isDone };
  }
}
