/** Where DTrace's daemon on Linux, dtprobed, takes documents. Its protocol is in linux.ts. */
export const HELPER_DEVICE = '/dev/dtrace/helper';
