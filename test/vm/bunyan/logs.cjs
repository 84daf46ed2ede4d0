// Logs at level warn with the bunyan of the project beside it, so that what a tracer sees is not in the log. (restify 11
// does not load on the guest's Node.)
const bunyan = require('./shop/node_modules/bunyan');

const log = bunyan.createLogger({ name: 'shop', level: 'warn' });
log.warn('open');
let item = 0;
setInterval(() => {
  item++;
  log.info({ item }, 'read');
  log.debug({ stock: item * 10 }, 'too fine');
}, 200);
