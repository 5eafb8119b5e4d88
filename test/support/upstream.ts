/** Another authority's web server, on loopback: an index, and files that are there, missing, or behave badly. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A running server; use it with `await using`. */
export interface Upstream extends AsyncDisposable {
  readonly indexUrl: string;
  /** With a slash at its end. */
  readonly baseUrl: string;
  /** What lies below the base URL, by path; a listener answers in its own way. */
  readonly files: Map<string, Uint8Array | RequestListener>;
  /** Paths that were asked for, with their query. */
  readonly requests: string[];
  /** Its index from now on: lines, or a listener. */
  index: readonly string[] | RequestListener;
}

/** Starts one. */
export async function startUpstream(files: Readonly<Record<string, Uint8Array>> = {}): Promise<Upstream> {
  const requests: string[] = [];
  const state = { files: new Map<string, Uint8Array | RequestListener>(Object.entries(files)), requests };
  let index: Upstream['index'] = Object.keys(files);
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    requests.push(`${url.pathname}${url.search}`);
    const found = url.pathname === '/index.txt' ? index : state.files.get(url.pathname.replace(/^\/base\//, ''));
    if (found === undefined) response.writeHead(404).end('no such file');
    else if (typeof found === 'function') found(request, response);
    else response.end(found instanceof Uint8Array ? found : found.join('\n'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    ...state,
    indexUrl: `${origin}/index.txt`,
    baseUrl: `${origin}/base/`,
    get index() {
      return index;
    },
    set index(value) {
      index = value;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
