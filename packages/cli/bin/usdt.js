#!/usr/bin/env node
// A file that is there before anything is built: npm links only commands that exist. It is CommonJS, since Node needs a
// tenth longer to start with an ES module.
require('../dist/usdt-start.cjs');
