/**
 * The one error class. Everything that is a mistake in the program throws it, with a code that stays the same
 * from version to version; everything that is a property of the machine is a status (provider/status.ts), and
 * becomes a `USDT_UNAVAILABLE` error only for those who ask: `enable({ strict: true })`.
 */

/** What went wrong, for programs. The message is for people and may change. */
export type UsdtErrorCode =
  /** A provider, module, function or probe name that some tracer would refuse or drop silently. */
  | 'USDT_BAD_NAME'
  /** The provider has a probe with this name and function. libusdt: USDT_ERROR_DUP_PROBE. */
  | 'USDT_DUPLICATE_PROBE'
  /** More than 32 arguments. libusdt: USDT_ARG_MAX. */
  | 'USDT_TOO_MANY_ARGUMENTS'
  /** A type name that is not in the table of docs/types.md. */
  | 'USDT_UNKNOWN_TYPE'
  /** An option outside its range, or of the wrong type. */
  | 'USDT_BAD_OPTION'
  /** `enable()` on a provider without probes. libusdt: USDT_ERROR_NOPROBES. */
  | 'USDT_NO_PROBES'
  /** `removeProbe()` with a probe that is not (or no longer) one of the provider's. libusdt: USDT_ERROR_REMOVE_PROBE. */
  | 'USDT_UNKNOWN_PROBE'
  /** The provider was freed. */
  | 'USDT_FREED'
  /** `enable({ strict: true })` where probes can't be made visible; `reason` says why. libusdt: USDT_ERROR_LOADDOF, _MALLOC, _VALLOC. */
  | 'USDT_UNAVAILABLE';

export class UsdtError extends Error {
  override readonly name = 'UsdtError';
  readonly code: UsdtErrorCode;
  /** For `USDT_UNAVAILABLE`: the status' reason. */
  readonly reason: string | undefined;

  constructor(code: UsdtErrorCode, message: string, reason?: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}
