/**
 * The smallest HTTP server, for http.mjs: tells its port, and at each question the processor time that it has used.
 * With the argument `bare` it fires a probe without arguments of its own at each request.
 */
import { createServer } from 'node:http';
import { library } from './tools.mjs';

const bare = process.argv[2] === 'bare' ? await bareProbe() : undefined;
const server = createServer((_request, response) => {
  bare?.fire();
  response.end('hello world');
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('message', () => process.send(process.cpuUsage()));
process.on('disconnect', () => process.exit());

async function bareProbe() {
  const { createProvider } = await import(library);
  const provider = createProvider('bare', { probes: { hit: [] } });
  provider.enable({ strict: true });
  return provider.probes.hit;
}
