// Pictures as SVG: a terminal with colours, and a trace.

const COLORS = ['#484f58', '#ff7b72', '#7ee787', '#e3b341', '#79c0ff', '#d2a8ff', '#56d4dd', '#e6edf3'];
const FOREGROUND = '#e6edf3';
const BACKGROUND = '#0d1117';
const DIM = '#8b949e';
const FONT =
  'font-family="ui-monospace, \'SF Mono\', Menlo, \'DejaVu Sans Mono\', Consolas, monospace" font-size="14"';
/** Of a character at this size. */
const WIDTH = 8.43;
const HEIGHT = 19;
const MARGIN = 16;

const ESCAPE = '\u001b';
const SGR = new RegExp(`(${ESCAPE}\\[[\\d;]*m)`);

const escaped = (text) =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

/**
 * What tmux captured with `capture-pane -e`: lines with SGR sequences.
 * https://invisible-island.net/xterm/ctlseqs/ctlseqs.html, "Character Attributes (SGR)"
 */
export function terminalSvg(captured, columns, title) {
  const lines = captured.replace(/\n+$/, '').split('\n');
  const body = [];
  let style = { color: FOREGROUND, bold: false, dim: false };
  lines.forEach((line, row) => {
    let column = 0;
    for (const part of line.split(SGR)) {
      if (part.startsWith(ESCAPE)) {
        const codes = part.slice(2, -1);
        for (const code of codes.split(';').map(Number)) style = styled(style, code);
        continue;
      }
      // Each run at its own place: bars of block characters must not shift what follows them.
      for (const [text, index] of runs(part)) {
        const x = (MARGIN + (column + index) * WIDTH).toFixed(1);
        const y = MARGIN + 24 + row * HEIGHT + 14;
        const fill = style.dim ? DIM : style.color;
        const weight = style.bold ? ' font-weight="bold"' : '';
        const length = `textLength="${([...text].length * WIDTH).toFixed(1)}" lengthAdjust="spacingAndGlyphs"`;
        body.push(`<text x="${x}" y="${y}" fill="${fill}"${weight} ${length}>${escaped(text)}</text>`);
      }
      column += [...part].length;
    }
  });
  const width = Math.ceil(columns * WIDTH + 2 * MARGIN);
  const height = MARGIN * 2 + 24 + lines.length * HEIGHT;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>
${['#ff5f56', '#ffbd2e', '#27c93f'].map((fill, n) => `<circle cx="${20 + n * 18}" cy="18" r="6" fill="${fill}"/>`).join('')}
<g ${FONT} xml:space="preserve">
${body.join('\n')}
</g>
</svg>
`;
}

function styled(style, code) {
  if (code === 0) return { color: FOREGROUND, bold: false, dim: false };
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 39) return { ...style, color: FOREGROUND };
  if (code >= 30 && code <= 37) return { ...style, color: COLORS[code - 30] };
  return style;
}

/** Texts between gaps of two blanks or more, with their places. */
function* runs(text) {
  for (const match of text.matchAll(/\S+(?: \S+)*/g))
    yield [match[0], [...text.slice(0, match.index)].length];
}

const LABEL = 190;
const PLOT = 860;
const LANE = 22;

/** The tracks of a recorded trace between two times in microseconds, as a viewer lays them out. */
export function traceSvg({ traceEvents }, from, to, title) {
  const tracks = new Map();
  const add = (name, slice) => tracks.set(name, [...(tracks.get(name) ?? []), slice]);
  const begun = new Map();
  const threads = new Map();
  for (const { ph, name, tid, args } of traceEvents)
    if (ph === 'M' && name === 'thread_name') threads.set(tid, args.name);
  for (const event of [...traceEvents].filter(({ ph }) => ph !== 'M').sort((a, b) => a.ts - b.ts)) {
    const { ph, name, ts, dur, tid, args } = event;
    const lane = `${event.pid} ${name} ${event.id2?.local}`;
    if (ph === 'b') begun.set(lane, event);
    if (ph === 'e') {
      const first = begun.get(lane);
      add(name, { name, ts: first.ts, end: ts, label: describe(name, first.args) });
    }
    const thread = `thread ${threads.get(tid)} ${tid}`;
    if (ph === 'X') add(thread, { name, ts, end: ts + dur, label: name.split(':')[1] });
    if (ph === 'i') add(thread, { name, ts, end: ts, label: `${name.split(':')[1]} ${args.arg0 ?? ''}` });
  }
  const scale = (time) => LABEL + ((time - from) / (to - from)) * PLOT;
  const parts = [];
  let y = 58;
  const names = [...tracks.keys()].sort(
    (a, b) => a.startsWith('thread') - b.startsWith('thread') || (a < b ? 1 : -1),
  );
  for (const track of names) {
    const visible = tracks.get(track).filter(({ ts, end }) => end >= from && ts <= to);
    const ends = [];
    const top = y;
    for (const { name, ts, end, label } of visible.sort((a, b) => a.ts - b.ts)) {
      let lane = ends.findIndex((last) => last <= ts);
      if (lane === -1) lane = ends.length;
      ends[lane] = Math.max(end, ts + (end === ts ? (to - from) / 40 : 0));
      const x = Math.max(LABEL, scale(ts));
      const width = Math.max(1.5, Math.min(LABEL + PLOT, scale(end)) - x);
      const laneY = top + lane * LANE;
      const place = `x="${x.toFixed(1)}" y="${laneY}"`;
      if (end === ts) {
        parts.push(
          `<path d="M${x.toFixed(1)} ${laneY} l5 9 l-5 9 l-5 -9 z" fill="#e3b341"><title>${escaped(label)}</title></path>`,
        );
        continue;
      }
      parts.push(
        `<rect ${place} width="${width.toFixed(1)}" height="${LANE - 3}" rx="2" fill="${hue(label)}"><title>${escaped(`${name} ${(end - ts).toFixed(1)} us`)}</title></rect>`,
      );
      const room = Math.floor((width - 8) / 6.2);
      if (room >= 3) {
        const text = label.length <= room ? label : `${label.slice(0, room - 1)}…`;
        parts.push(
          `<text x="${(x + 4).toFixed(1)}" y="${laneY + 13}" font-size="11" fill="#0d1117">${escaped(text)}</text>`,
        );
      }
    }
    const lanes = Math.max(1, ends.length);
    parts.push(`<text x="12" y="${top + 14}" font-size="13" fill="${FOREGROUND}">${escaped(track)}</text>`);
    y = top + lanes * LANE + 12;
    parts.push(`<path d="M0 ${y - 7} H${LABEL + PLOT + 20}" stroke="#21262d"/>`);
  }
  const step = 10 ** Math.floor(Math.log10((to - from) / 2));
  const ticks = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step)
    ticks.push(
      `<path d="M${scale(tick).toFixed(1)} 34 V${y - 7}" stroke="#21262d"/><text x="${(scale(tick) + 3).toFixed(1)}" y="44" font-size="11" fill="${DIM}">${((tick - from) / 1000).toFixed(0)} ms</text>`,
    );
  const width = LABEL + PLOT + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 6}" width="${width}" height="${y + 6}" role="img" aria-label="${escaped(title)}">
<title>${escaped(title)}</title>
<rect width="${width}" height="${y + 6}" rx="8" fill="${BACKGROUND}"/>
<g font-family="system-ui, sans-serif">
<text x="12" y="24" font-size="14" fill="${DIM}">${escaped(title)}</text>
${ticks.join('\n')}
${parts.join('\n')}
</g>
</svg>
`;
}

function describe(name, { start, done }) {
  const short = name.split(':')[1];
  return `${short} ${start.arg1 ?? start.arg0 ?? ''}${done?.arg1 === undefined ? '' : ` ${done.arg1}`}`;
}

/** The same colour for the same first word and second. */
function hue(label) {
  let hash = 7;
  for (const c of label.split(' ').slice(0, 2).join(' ')) hash = (hash * 31 + c.charCodeAt(0)) % 360;
  return `hsl(${hash} 65% 68%)`;
}
