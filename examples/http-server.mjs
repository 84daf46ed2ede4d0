// A small HTTP server with two probes of its own. Trace it with
//   npx usdt trace 'webapp:*'
import { createServer } from 'node:http';
import { createProvider } from 'libusdt';

const webapp = createProvider('webapp', {
  probes: {
    'request-start': ['uint32_t', 'char *', 'char *'], // id, method, url
    'request-done': ['uint32_t', 'uint16_t', 'json'], // id, status, what was answered
  },
});
const { 'request-start': started, 'request-done': done } = webapp.probes;

const status = webapp.enable();
if (status.state === 'active') console.log(`probes are in ${status.file}`);
else console.log(`no probes: ${status.detail ?? status.state}`);

let requests = 0;
const server = createServer((request, response) => {
  const id = ++requests;
  started.fire(id, request.method ?? '', request.url ?? '');
  const known = request.url?.startsWith('/hello/');
  const answer = known ? { hello: decodeURIComponent(request.url.slice(7)) } : { error: 'not found' };
  response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  done.fire(id, response.statusCode, answer);
});
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/hello/world`);
});
process.on('SIGTERM', () => {
  server.close();
  webapp.free();
});
