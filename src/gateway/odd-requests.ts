/** What is said to requests that are no HTTP, or that a proxy before us may have read in another way. */
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';

/** Most fields of a request's header: what Apache takes too. Node leaves out those above its limit without a word. */
export const mostHeaderFields = 100;

/**
 * Refuses what Node takes and others do not: no version, two hosts, fields without end. Who wishes for another protocol
 * is answered in this one and for the last time: Node passes over what comes right after such a request.
 */
export function refuseOddHeaders(listener: RequestListener): RequestListener {
  return (request, response) => {
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
    const hasTooManyFields = request.rawHeaders.length > 2 * mostHeaderFields;
    if (!hasTooManyFields && request.httpVersionMajor === 1 && !hasTwoHosts(request)) listener(request, response);
    else response.writeHead(hasTooManyFields ? 431 : 400, { connection: 'close', 'content-length': '0' }).end();
  };
}

/** RFC 9112, 3.2: such a request must be refused. */
function hasTwoHosts({ rawHeaders }: IncomingMessage): boolean {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts > 1;
}

/** What cannot be read as HTTP gets a bare status line. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = brokenRequestStatus(error.code);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function brokenRequestStatus(code: string | undefined): string {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout';
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  return '400 Bad Request';
}
