/** uPlot, set up for the page: colours of the tokens, width of its box, cursors that move together. */

import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';
import type { Series } from './series';

export interface PlotLine extends Series {
  color: string;
  isFaint: boolean;
}

interface PlotOptions {
  lines: readonly PlotLine[];
  data: [number[], ...(number | null | undefined)[][]];
  isLog: boolean;
  xFormat: (value: number) => string;
  yFormat: (value: number) => string;
  heightPx: number;
  syncKey: string | undefined;
  /** Index of the point under the cursor; null when it has left. */
  onCursor: (index: number | null) => void;
  /** The section that was dragged open; null when a double click shows everything again. */
  onZoom: (section: [number, number] | null) => void;
}

const LINEAR = 1;
const LOGARITHMIC = 3;

export class Plot {
  readonly #lines: readonly PlotLine[];
  readonly #plot: uPlot;
  readonly #resizing: ResizeObserver;
  #isZoomed = false;

  constructor(host: HTMLElement, options: PlotOptions) {
    this.#lines = options.lines;
    const style = getComputedStyle(document.documentElement);
    const token = (name: string) => style.getPropertyValue(name).trim();
    const axis: uPlot.Axis = {
      stroke: token('--muted-foreground'),
      grid: { stroke: token('--chart-grid'), width: 1 },
      ticks: { show: false },
      font: `11px ${getComputedStyle(document.body).fontFamily}`,
      gap: 6,
    };
    this.#plot = new uPlot(
      {
        width: Math.max(host.clientWidth, 120),
        height: options.heightPx,
        legend: { show: false },
        padding: [8, 8, 0, 0],
        cursor: {
          y: false,
          focus: { prox: 24 },
          points: { size: 6 },
          drag: { x: true, y: false },
          ...(options.syncKey ? { sync: { key: options.syncKey } } : {}),
        },
        focus: { alpha: 0.35 },
        scales: {
          x: { time: false },
          y: options.isLog ? { distr: LOGARITHMIC, log: 10 } : { distr: LINEAR, range: roomy },
        },
        axes: [
          { ...axis, size: 28, values: (_, ticks) => ticks.map((tick) => options.xFormat(tick)) },
          {
            ...axis,
            size: 56,
            // uPlot gives null for the ticks of a logarithmic axis that it has no room to name.
            values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : options.yFormat(tick))),
          },
        ],
        series: [
          {},
          ...options.lines.map((line) => ({
            label: line.label,
            stroke: token(line.color),
            width: line.isFaint ? 1 : 1.75,
            alpha: line.isFaint ? 0.25 : 1,
            points: { show: line.x.length < 3 },
            ...(line.isDashed ? { dash: [5, 4] } : {}),
          })),
        ],
        hooks: {
          setCursor: [(plot) => options.onCursor(plot.cursor.idx ?? null)],
          setSelect: [
            ({ select, posToVal }) => {
              if (select.width > 0)
                options.onZoom([posToVal(select.left, 'x'), posToVal(select.left + select.width, 'x')]);
            },
          ],
          ready: [({ over }) => over.addEventListener('dblclick', () => options.onZoom(null))],
        },
      },
      options.data as uPlot.AlignedData,
      host,
    );
    this.#resizing = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: options.heightPx });
    });
    this.#resizing.observe(host);
  }

  /** New points. A reader who has zoomed in keeps the section. */
  setData(data: PlotOptions['data']): void {
    const before = this.#plot.data[0];
    const { min, max } = this.#plot.scales.x ?? {};
    const isZoomed =
      min != null &&
      max != null &&
      before.length > 1 &&
      (min > (before[0] ?? 0) || max < (before.at(-1) ?? 0));
    this.#plot.setData(data as uPlot.AlignedData, !isZoomed);
    if (isZoomed) this.#plot.redraw();
  }

  /** Show a section, or everything. */
  zoom(section: readonly [number, number] | null): void {
    if (section !== null) this.#plot.setScale('x', { min: section[0], max: section[1] });
    // uPlot finds the ends itself: a scale that is set to a single point would keep it busy for ever.
    else if (this.#isZoomed) this.#plot.setData(this.#plot.data, true);
    this.#isZoomed = section !== null;
  }

  show(index: number, isShown: boolean): void {
    if (this.#plot.series[index + 1]?.show !== isShown) this.#plot.setSeries(index + 1, { show: isShown });
  }

  highlight(name: string | null): void {
    const index = this.#lines.findLastIndex((line) => line.name === name);
    this.#plot.setSeries(name === null ? null : index + 1, { focus: true });
  }

  destroy(): void {
    this.#resizing.disconnect();
    this.#plot.destroy();
  }
}

/** A little air above and below; a flat line lies in the middle. */
function roomy(_: uPlot, min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 1];
  const air = max > min ? (max - min) * 0.06 : Math.abs(max) * 0.1 || 1;
  return [min >= 0 ? Math.max(0, min - air) : min - air, max + air];
}
