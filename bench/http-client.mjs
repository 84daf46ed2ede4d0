/**
 * Asks an HTTP server without a pause, over connections that stay. autocannon and wrk do that too, but for a second at
 * least, in which a neighbour of the machine may wake and sleep; turns of two servers that are to be compared must
 * be shorter.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const REQUEST = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n');
const ANSWER = /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)+\r\nhello world$/;

/** Connections to a server of http-server.mjs, each with one request under way while it is asked. */
export async function openClient(port, connections) {
  let asking = false;
  let answers = 0;
  let underWay = 0;
  let idle;
  const sockets = Array.from({ length: connections }, () =>
    connect({ port, host: '127.0.0.1', noDelay: true }),
  );
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets) {
    // So small an answer comes in one piece.
    socket.on('data', (data) => {
      if (!ANSWER.test(data.latin1Slice())) throw new Error(`not the answer: ${data}`);
      answers++;
      if (asking) socket.write(REQUEST);
      else if (--underWay === 0) idle();
    });
  }
  return {
    /** Asks for so long, and waits for the last answers. */
    async ask(milliseconds) {
      const begin = performance.now();
      const ended = new Promise((resolve) => {
        idle = resolve;
      });
      answers = 0;
      underWay = connections;
      asking = true;
      for (const socket of sockets) socket.write(REQUEST);
      await sleep(milliseconds);
      asking = false;
      await ended;
      return { answers, rate: (answers / (performance.now() - begin)) * 1000 };
    },
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
