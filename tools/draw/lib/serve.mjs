// One loopback server for a page: the bundle, the dashboards, and the way to Prometheus and VictoriaLogs (so that no CORS is needed).
import { createReadStream, existsSync, statSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

function forward(request, response, base, rest) {
  const target = new URL(base.replace(/\/$/, '') + rest);
  const onward = http.request(target, { method: request.method, headers: { accept: 'application/json' } }, (answer) => {
    response.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] ?? 'text/plain' });
    answer.pipe(response);
  });
  onward.on('error', (error) => response.writeHead(502).end(`${target.origin} does not answer: ${error.message}`));
  onward.end();
}

function sendFile(response, root, name) {
  const file = path.join(root, name);
  if (!file.startsWith(root) || !existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': types[path.extname(file)] ?? 'application/octet-stream' });
  return createReadStream(file).pipe(response);
}

export async function serve({ root, backends, dashboards }) {
  const missing = new Set();
  const server = http.createServer((request, response) => {
    const { pathname, search } = new URL(request.url, 'http://localhost');
    const [, first, ...rest] = pathname.split('/');
    response.on('finish', () => response.statusCode === 404 && !backends[first] && missing.add(pathname));
    if (first === 'dashboards') return response.writeHead(200, { 'content-type': 'application/json' }).end(dashboards[Number(rest[0])]);
    if (first in backends && !backends[first]) return response.writeHead(503).end(`no address given: --${first} URL`);
    if (backends[first]) return forward(request, response, backends[first], `/${rest.join('/')}${search}`);
    return sendFile(response, root, decodeURIComponent(pathname));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${server.address().port}`, missing, close: () => { server.close(); server.closeAllConnections(); } };
}
