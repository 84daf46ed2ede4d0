/** The smallest HTTP server, for http.mjs: tells its port, and at each question the processor time that it has used. */
import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end('hello world'));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('message', () => process.send(process.cpuUsage()));
process.on('disconnect', () => process.exit());
