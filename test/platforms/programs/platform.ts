/** Imported before the library: what the runtime would say of its operating system. */
const PLATFORMS: Readonly<Record<string, string>> = {
  darwin: 'darwin',
  illumos: 'sunos',
  freebsd: 'freebsd',
};

Object.defineProperty(process, 'platform', { value: PLATFORMS[process.env.STAND_IN_OS!] });
