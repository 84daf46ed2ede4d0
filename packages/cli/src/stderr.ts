/**
 * Where messages go.
 */

let stream: NodeJS.WriteStream | undefined;

/** Node's stream for it. A message that can't be told ends nothing. */
export function standardError(): NodeJS.WriteStream {
  if (stream === undefined) {
    stream = process.stderr;
    stream.on('error', () => {});
  }
  return stream;
}
