// CommonJS: require() of the package, as an application does that has not moved to modules.
const { createProvider, UsdtError } = require('libusdt');

const web = createProvider('webapp', { probes: { start: ['int'] } });
const status = web.enable();
web.probes.start.fire(1);
let code;
try {
  createProvider('bad name');
} catch (error) {
  code = error instanceof UsdtError && error.code;
}
web.free();
import('libusdt').then((module) => {
  console.log(JSON.stringify({ status, code, same: module.createProvider === createProvider }));
});
