/**
 * What `require('dtrace-provider')` gives, and nothing else.
 * https://github.com/chrisa/node-dtrace-provider/blob/master/dtrace-provider.js
 */

import { assertTraceable, isHard } from './hard.ts';
import { DTraceProvider } from './provider.ts';

export type { DTraceProbe, ProviderStatus } from './provider.ts';
export { DTraceProvider };

if (isHard()) assertTraceable();

/**
 * The same as `new DTraceProvider()`.
 * @param name as tracers show it. Characters that a tracer would refuse become `_`.
 * @param module as DTrace shows it. Default: the provider's name.
 */
export function createDTraceProvider(name: string, module?: string): DTraceProvider;
export function createDTraceProvider(...given: [name: string, module?: string]): DTraceProvider {
  // The original looks at how many there are: one more `undefined` is a mistake, a third argument is not.
  return given.length === 2 ? new DTraceProvider(...given) : new DTraceProvider(given[0]);
}
