/**
 * An event as a line for people.
 */

import type { RecordVisitor } from '../../sources/record.ts';
import type { Source } from '../../sources/source.ts';
import { print } from '../../stdout.ts';
import { LineWriter } from './line-writer.ts';
import { LineSink } from './sink.ts';

export class TextSink extends LineSink {
  private lines: LineWriter | undefined;

  override begin(source: Source): void {
    this.lines = new LineWriter(source.epochDate);
    super.begin(source);
  }

  readonly record: RecordVisitor = (layout, time, _, thread, bytes, view, start) => {
    this.events++;
    this.lines!.write(layout, time, thread, bytes, view, start);
  };

  async flush(): Promise<void> {
    const bytes = this.lines!.take();
    if (bytes.length > 0) await print(bytes);
  }
}
