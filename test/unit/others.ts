import { runTogether } from '../support/together.ts';

await runTogether((path) => !path.startsWith('packages/libusdt/'));
