/** A sink as somebody else would add one: comma-separated values of the spans, and what was lost between them. */
import type { Loss, Sink } from '../../../src/sinks/sink.ts';
import type { Span } from '../../../src/spans/stage.ts';

export class CsvSink implements Sink {
  text = 'title,pid,begin,nanoseconds\n';

  span({ state, spec, start, done }: Span): void {
    if (state === 'done')
      this.text += `${spec.title},${start.pid},${start.time},${done!.time - start.time}\n`;
  }

  lost({ more }: Loss): void {
    this.text += `# ${more} lost\n`;
  }
}
