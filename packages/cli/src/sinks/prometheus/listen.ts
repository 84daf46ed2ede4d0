/**
 * The address to listen on.
 */

import { InvalidArgumentError } from 'commander';

export interface Address {
  /** Undefined: all of this machine's addresses. */
  readonly host: string | undefined;
  readonly port: number;
}

/** The port that OpenTelemetry's exporter for Prometheus has: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export const DEFAULT_ADDRESS = '127.0.0.1:9464';
const MAX_PORT = 65_535;

/** `HOST:PORT`, `[IPV6]:PORT`, or `:PORT` for all addresses. @throws InvalidArgumentError */
export function parseAddress(text: string): Address {
  const [, ipv6, name, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d+)$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > MAX_PORT)
    throw new InvalidArgumentError('It must be as in 127.0.0.1:9464, [::1]:9464 or :9464.');
  return { host: ipv6 ?? (name === '' ? undefined : name), port };
}

/** As in a URL. */
export function formatAddress(address: string, family: string, port: number): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
