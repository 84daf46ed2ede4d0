#!/usr/bin/env node
// A file that is there before anything is built: npm links only commands that exist. It loads the file of the command that
// runs and no other, and is CommonJS, as those are: Node needs a tenth longer to start with an ES module.
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const [, , first, second] = process.argv;
const command = first === 'help' ? second : first;
const file = join(__dirname, '../dist', `${command}.cjs`);
require(/^\w+$/.test(command) && existsSync(file) ? file : '../dist/main.cjs');
