// The program of the pictures: a shop whose requests overlap, look something up, and are rendered.
import { setTimeout as sleep } from 'node:timers/promises';
import { createProvider } from 'libusdt';

const shop = createProvider('shop', {
  probes: {
    'request-start': ['uint32_t', 'char *'], // id, route
    'request-done': ['uint32_t', 'uint16_t'], // id, status
    'query-start': ['uint32_t', 'char *'], // id, table
    'query-done': ['uint32_t', 'uint32_t'], // id, rows
    'render-begin': [],
    'render-end': [],
    'cache-hit': ['char *'],
  },
});
const { probes: fire } = shop;
shop.enable();

const routes = ['/', '/', '/', '/cart', '/search'];
const slowness = { '/': 4, '/cart': 9, '/search': 30 };
let ids = 0;

/** Mostly about one, sometimes several. */
const chance = () => Math.exp((Math.random() + Math.random() + Math.random() - 1.5) * 1.4);

async function query(route) {
  const id = ++ids;
  fire['query-start'].fire(id, route === '/search' ? 'products' : 'carts');
  await sleep(slowness[route] * chance());
  fire['query-done'].fire(id, 1 + (id % 20));
}

async function request() {
  const id = ++ids;
  const route = routes[id % routes.length];
  fire['request-start'].fire(id, route);
  if (route === '/' && id % 3 === 0) fire['cache-hit'].fire(route);
  else await query(route);
  fire['render-begin'].fire();
  for (const end = performance.now() + chance() / 2; performance.now() < end; );
  fire['render-end'].fire();
  await sleep(chance());
  fire['request-done'].fire(id, id % 23 === 0 ? 500 : 200);
}

const clients = Number(process.argv[2] ?? 8);
for (let client = 0; client < clients; client++)
  (async () => {
    for (;;) {
      await request();
      // More and fewer of them, as people come and go.
      await sleep(20 * chance() * (1.4 + Math.sin(performance.now() / 1500)));
    }
  })();
