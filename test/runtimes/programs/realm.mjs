// A test runner that gives each test file a global object of its own (jest; vitest with vmThreads): the library is
// evaluated in a node:vm context, where nothing that the runtime hands out is an instance of the context's classes.
// Argument: the library as one CommonJS file.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import vm from 'node:vm';

const [, , file] = process.argv;
const { env } = process;
const good = env.LIBUSDT_DIR;
const result = [];
// The second context comes when the first one's module, and engine, are there already.
for (const folder of [good, '/proc/none', good]) {
  const context = vm.createContext({ process, TextEncoder, TextDecoder });
  const wrapper = vm.runInContext(`(function (module, exports, require) {${readFileSync(file)}\n})`, context);
  const module = { exports: {} };
  wrapper(module, module.exports, createRequire(file));
  const { createProvider } = module.exports;
  env.LIBUSDT_DIR = folder;
  const web = createProvider('webapp', { probes: { start: ['int', 'char *', 'void *'] } });
  result.push(web.enable());
  web.probes.start.fire(1, 'text', new ArrayBuffer(8));
  web.free();
}
console.log(JSON.stringify(result));
