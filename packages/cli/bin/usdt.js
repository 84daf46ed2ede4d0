#!/usr/bin/env node
// A file that is there before anything is built: npm links only commands that exist.
import '../dist/main.js';
