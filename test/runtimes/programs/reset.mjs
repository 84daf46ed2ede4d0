// What test runners do between two tests: the module is evaluated again, its former self lives on. Also two versions
// in one process, as a package manager leaves them when two dependencies ask for different ones.
// Arguments: files to import, in turn; each is a copy of its own.
import { readFileSync } from 'node:fs';

const copies = [];
for (const [index, file] of process.argv.slice(2).entries()) {
  const { createProvider, Provider } = await import(file);
  const web = createProvider('webapp', { probes: { start: ['int'] } });
  const own = createProvider(`copy${index}x`, { probes: { start: ['int', 'char *'] } });
  copies.push({ web, own, createProvider, Provider, statuses: [web.enable(), own.enable()] });
}
const fireAll = () => {
  for (const { web, own } of copies) {
    web.probes.start.fire(1);
    own.probes.start.fire(1, 'text');
  }
};
const mapped = (file) => readFileSync('/proc/self/maps', 'utf8').includes(file);

fireAll();
const [first] = copies;
const file = first.web.status.file;
first.web.free();
first.own.free();
fireAll();
const mappedByOthers = mapped(file);
for (const { web, own } of copies.slice(1)) {
  web.free();
  own.free();
}
fireAll();
console.log(
  JSON.stringify({
    statuses: copies.map(({ statuses }) => statuses),
    different: new Set(copies.map(({ createProvider }) => createProvider)).size,
    mappedByOthers,
    mappedInTheEnd: mapped(file),
  }),
);
