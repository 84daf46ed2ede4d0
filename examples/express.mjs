// A café with express: a middleware tells tracers of every request, a route of what it sold.
//   npx usdt stat --latency cafe:request-start,request-done --key arg0
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { createProvider } from 'libusdt';

const cafe = createProvider('cafe', {
  probes: {
    'request-start': ['uint32_t', 'char *', 'char *'], // id, method, url
    'request-done': ['uint32_t', 'uint16_t', 'char *'], // id, status, route
    order: ['uint32_t', 'uint32_t', 'json'], // id of the request, price in cents, the order
  },
});
cafe.enable();
const { 'request-start': started, 'request-done': done, order } = cafe.probes;

const PRICES = { tea: 450, coffee: 520, cake: 380 };
const app = express();

let requests = 0;
app.use((request, response, next) => {
  request.number = ++requests;
  started.fire(request.number, request.method, request.originalUrl);
  // Also of requests that were given up: their clients went away before the answer was complete.
  response.on('close', () => done.fire(request.number, response.statusCode, request.route?.path ?? 'none'));
  next();
});

app.get('/prices', (_request, response) => response.json(PRICES));

app.post('/orders', express.json(), async (request, response) => {
  const items = request.body?.items ?? [];
  const price = items.reduce((sum, item) => sum + PRICES[item], 0);
  if (!Number.isFinite(price)) return response.status(400).json({ error: 'not on the menu' });
  // The more is ordered, the longer it takes.
  await sleep(2 * items.length);
  order.fire(request.number, price, { items });
  response.status(201).json({ price });
});

const server = app.listen(Number(process.env.PORT ?? 8081), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/prices`);
});
process.on('SIGTERM', () => {
  server.close();
  cafe.free();
});
