/**
 * libusdt: USDT probes defined at run time.
 *
 * ```ts
 * import { createProvider } from 'libusdt';
 *
 * const web = createProvider('webapp', { probes: { 'request-start': ['uint32_t', 'char *'] } });
 * web.enable();
 * web.probes['request-start'].fire(1, '/');
 * ```
 */

import { type ProbeShapes, Provider, type ProviderOptions } from './provider/provider.ts';

export type { ArgumentsOf, CTypeName, TypeOf } from './ctypes/infer.ts';
export type { Attribute, Attributes, DependencyClass, Stability } from './model/attributes.ts';
export { UsdtError, type UsdtErrorCode } from './model/errors.ts';
export type { TracepointEncoding } from './model/target.ts';
export type { ProbeShape, ShapeArguments } from './provider/definition.ts';
export type { Probe } from './provider/probe.ts';
export type { EnableOptions, ProbeShapes, Provider, ProviderOptions } from './provider/provider.ts';
export type { ActiveStatus, DisabledStatus, Status, UnavailableStatus } from './provider/status.ts';
export { type Cleaned, type CleanOptions, cleanCache } from './publish/clean.ts';
export type { UnavailableReason } from './runtime/reasons.ts';

/**
 * Creates a provider. Nothing is visible to tracers, and nothing native is loaded, before `enable()`.
 * @param name letters, digits, `_` and `-`, at most 53 characters, no digit at the end.
 * @throws UsdtError for everything that a tracer would refuse: USDT_BAD_NAME, USDT_DUPLICATE_PROBE,
 *   USDT_TOO_MANY_ARGUMENTS, USDT_UNKNOWN_TYPE, USDT_BAD_OPTION.
 */
export function createProvider<const Shapes extends ProbeShapes = Record<never, never>>(
  name: string,
  options?: ProviderOptions<Shapes>,
): Provider<Shapes> {
  return new Provider(name, options);
}
