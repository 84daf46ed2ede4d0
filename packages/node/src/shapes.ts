/**
 * The probes of provider `node`, and the C types of their arguments.
 *
 * The first eight are those of Node 0.6 to 18, at the positions that its SystemTap tapset documents, so that old
 * scripts find them. Where a position held an address of an object of V8, there is a number that tells the object from
 * others of its kind: scripts used the address as a key, and that works with the number too.
 * https://github.com/nodejs/node/blob/v18.x/src/node_provider.d
 * https://github.com/nodejs/node/blob/v18.x/src/node.stp
 * @module
 */

import type { ProbeShapes } from 'libusdt';

const CONNECTION = ['uint64_t', 'char *', 'int', 'int'] as const;

export const SHAPES = {
  // request, connection, remote, port, method, url, fd, forwarded for
  'http-server-request': [
    ...(['uint64_t', 'uint64_t', 'char *', 'int', 'char *', 'char *', 'int'] as const),
    'char *',
  ],
  // connection, remote, port, fd, request, status
  'http-server-response': [...CONNECTION, 'uint64_t', 'int'],
  // request, connection, remote, port, method, url, fd
  'http-client-request': ['uint64_t', 'uint64_t', 'char *', 'int', 'char *', 'char *', 'int'],
  // connection, remote, port, fd, request, status
  'http-client-response': [...CONNECTION, 'uint64_t', 'int'],
  // connection, remote, port, fd
  'net-server-connection': CONNECTION,
  'net-stream-end': CONNECTION,
  // type, flags, thread, start (ns of CLOCK_MONOTONIC), duration (ns)
  'gc-start': ['int', 'int', 'uint64_t', 'uint64_t', 'uint64_t'],
  'gc-done': ['int', 'int', 'uint64_t', 'uint64_t', 'uint64_t'],

  // request, error, connection
  'http-client-error': ['uint64_t', 'char *', 'uint64_t'],
  // connection, host, port
  'net-client-socket': ['uint64_t', 'char *', 'int'],
  'udp-socket': ['uint64_t', 'char *'],
  // server, host or path, port
  'net-server-listen-start': ['uint64_t', 'char *', 'int'],
  // server, address or path, port, duration (ns)
  'net-server-listen-done': ['uint64_t', 'char *', 'int', 'uint64_t'],
  // server, error, duration (ns)
  'net-server-listen-error': ['uint64_t', 'char *', 'uint64_t'],
  // request, host, port, method, path
  'http-client-request-created': ['uint64_t', 'char *', 'int', 'char *', 'char *'],
  // connection, method, url
  'http-server-response-created': ['uint64_t', 'char *', 'char *'],
  // pid, file, arguments
  'child-start': ['int', 'char *', 'json'],
  // pid, exit code (-1 if there is none), signal
  'child-exit': ['int', 'int', 'char *'],
  // thread
  'worker-start': ['int'],
  // thread, exit code
  'worker-exit': ['int', 'int'],
  // request, method, origin, path
  'undici-request-create': ['uint64_t', 'char *', 'char *', 'char *'],
  // request, headers, connection
  'undici-client-send-headers': ['uint64_t', 'char *', 'uint64_t'],
  // request, bytes
  'undici-request-body-chunk-sent': ['uint64_t', 'uint64_t'],
  'undici-request-body-chunk-received': ['uint64_t', 'uint64_t'],
  'undici-request-body-sent': ['uint64_t'],
  // request, status, text
  'undici-request-headers': ['uint64_t', 'int', 'char *'],
  'undici-request-trailers': ['uint64_t'],
  // request, error
  'undici-request-error': ['uint64_t', 'char *'],
  // host, port, protocol, server name
  'undici-client-before-connect': ['char *', 'int', 'char *', 'char *'],
  'undici-client-connected': ['char *', 'int', 'char *', 'char *'],
  // host, port, protocol, server name, error
  'undici-client-connect-error': ['char *', 'int', 'char *', 'char *', 'char *'],
  // connection, proxy, host and port that it was asked for
  'undici-proxy-connected': ['uint64_t', 'char *', 'char *'],
  // websocket, address, port, protocol, extensions
  'undici-websocket-open': ['uint64_t', 'char *', 'int', 'char *', 'char *'],
  // websocket, code, reason
  'undici-websocket-close': ['uint64_t', 'int', 'char *'],
  // websocket, bytes
  'undici-websocket-ping': ['uint64_t', 'uint64_t'],
  'undici-websocket-pong': ['uint64_t', 'uint64_t'],
  // error
  'undici-websocket-socket-error': ['char *'],
  // stream, session, method, path
  'http2-client-stream-created': ['int', 'uint64_t', 'char *', 'char *'],
  'http2-client-stream-start': ['int', 'uint64_t', 'char *', 'char *'],
  // stream, session, status
  'http2-client-stream-finish': ['int', 'uint64_t', 'int'],
  'http2-client-stream-error': ['int', 'uint64_t', 'char *'],
  // stream, session, reset code
  'http2-client-stream-close': ['int', 'uint64_t', 'int'],
  // stream, session, bytes
  'http2-client-stream-body-chunk-sent': ['int', 'uint64_t', 'uint64_t'],
  'http2-client-stream-body-sent': ['int', 'uint64_t'],
  'http2-server-stream-created': ['int', 'uint64_t', 'char *', 'char *'],
  'http2-server-stream-start': ['int', 'uint64_t', 'char *', 'char *'],
  'http2-server-stream-finish': ['int', 'uint64_t', 'int'],
  'http2-server-stream-error': ['int', 'uint64_t', 'char *'],
  'http2-server-stream-close': ['int', 'uint64_t', 'int'],
  // text
  'console-log': ['char *'],
  'console-info': ['char *'],
  'console-debug': ['char *'],
  'console-warn': ['char *'],
  'console-error': ['char *'],
  // name, mode
  'lock-request-start': ['char *', 'char *'],
  'lock-request-grant': ['char *', 'char *'],
  'lock-request-miss': ['char *', 'char *'],
  // name, mode, error
  'lock-request-end': ['char *', 'char *', 'char *'],
  // database, statement, duration (ns)
  'sqlite-query': ['uint64_t', 'char *', 'uint64_t'],
  // scope, permission, resource
  'permission-missing': ['char *', 'char *', 'char *'],
  // name, file, nesting, type
  'test-start': ['char *', 'char *', 'int', 'char *'],
  'test-end': ['char *', 'char *', 'int', 'char *'],
  // name, file, nesting, type, error
  'test-error': ['char *', 'char *', 'int', 'char *', 'char *'],

  // what was asked, host, start (ns of CLOCK_MONOTONIC), duration (ns)
  'dns-done': ['char *', 'char *', 'uint64_t', 'uint64_t'],
  // nanoseconds: least, mean, half, 99 of 100, most; number of samples
  'event-loop-delay': ['uint64_t', 'uint64_t', 'uint64_t', 'uint64_t', 'uint64_t', 'uint64_t'],
  // name, message, stack
  'unhandled-rejection': ['char *', 'char *', 'char *'],
  'uncaught-exception': ['char *', 'char *', 'char *'],
  // name, code, message
  'process-warning': ['char *', 'char *', 'char *'],
  // exit code
  'process-exit': ['int'],
  // file, arguments
  'process-execve': ['char *', 'json'],
} as const satisfies ProbeShapes;
