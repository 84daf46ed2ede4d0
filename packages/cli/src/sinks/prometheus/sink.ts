/**
 * The server that Prometheus asks for metrics, as long as it traces.
 */

import type { Field } from '../../fields.ts';
import { describeTraced, toJson, warn } from '../../output.ts';
import type { Source } from '../../sources/source.ts';
import type { SpanStage } from '../../spans/stage.ts';
import { print } from '../../stdout.ts';
import type { Sink } from '../sink.ts';
import type { Address } from './listen.ts';
import { Metrics } from './metrics.ts';
import { type MetricsServer, serveMetrics } from './server.ts';

export interface PrometheusOptions {
  readonly listen: Address;
  /** Fields whose values become labels. */
  readonly by: readonly Field[];
  readonly spans: SpanStage;
  /** Upper ends of the buckets of latencies in seconds, ascending. */
  readonly buckets: readonly number[];
  /** Tell in JSON where it listens. */
  readonly json: boolean;
  /** No messages about what is traced. */
  readonly quiet: boolean;
}

export class PrometheusSink implements Sink {
  private readonly options: PrometheusOptions;
  /** What is served. Another sink of the same pipeline, before this one. */
  readonly metrics: Metrics;
  private server: MetricsServer | undefined;
  private source: Source | undefined;

  private constructor(options: PrometheusOptions) {
    this.options = options;
    this.metrics = new Metrics({ ...options, lost: () => this.source?.lost ?? 0 });
  }

  /**
   * Listens from now on: an address that can't be had is told before anything is attached.
   * @throws FailureError when the address can't be had.
   */
  static async listen(options: PrometheusOptions): Promise<PrometheusSink> {
    const sink = new PrometheusSink(options);
    sink.server = await serveMetrics(options.listen, sink.metrics);
    return sink;
  }

  async begin(source: Source): Promise<void> {
    const { json, quiet } = this.options;
    const { url } = this.server!;
    this.source = source;
    if (json) await print(`${toJson({ url })}\n`);
    if (quiet) return;
    warn(describeTraced(source));
    warn(`metrics are at ${url}`);
  }

  close(): void {
    this.server?.close();
  }
}
