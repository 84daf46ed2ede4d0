/**
 * Where the library keeps what it loads (`libusdt/cache`), for tools: which folders it looks at, which one it takes here,
 * and what the files in it are called.
 */

export { chooseFolder, type Environment, type Folder, folderCandidates } from './publish/folder.ts';
export { publishedName } from './publish/names.ts';
export { isProblem, type Problem, type UnavailableReason } from './runtime/reasons.ts';
