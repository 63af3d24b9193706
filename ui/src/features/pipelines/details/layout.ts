/** Where the stages of a pipeline stand in its graph. */

export interface Stage {
  name: string;
  needs: readonly string[];
}

export interface Place {
  name: string;
  /** Stages before it on the longest way: its layer. */
  layer: number;
  /** Place within its layer, from the start. */
  row: number;
}

export interface Layout {
  places: Map<string, Place>;
  layers: number;
  /** Most stages in one layer. */
  rows: number;
}

/** Each stage after all that it needs; within a layer in their own order. */
export function layoutOf(stages: readonly Stage[]): Layout {
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  const layers = new Map<string, number>();
  const layerOf = (name: string, above: ReadonlySet<string>): number => {
    const known = layers.get(name);
    if (known !== undefined) return known;
    const needs = (byName.get(name)?.needs ?? []).filter((need) => byName.has(need) && !above.has(need));
    const layer = Math.max(-1, ...needs.map((need) => layerOf(need, new Set([...above, name])))) + 1;
    layers.set(name, layer);
    return layer;
  };
  const taken = new Map<number, number>();
  const places = new Map<string, Place>();
  for (const { name } of stages) {
    const layer = layerOf(name, new Set([name]));
    const row = taken.get(layer) ?? 0;
    taken.set(layer, row + 1);
    places.set(name, { name, layer, row });
  }
  return { places, layers: taken.size, rows: Math.max(0, ...taken.values()) };
}

export interface Box {
  x: number;
  y: number;
}

export interface Drawing {
  /** Layers below each other, because they do not fit beside each other. */
  isVertical: boolean;
  width: number;
  height: number;
  node: { width: number; height: number };
  /** The upper left corner of each stage. */
  boxes: Map<string, Box>;
}

const NODE = { width: 142, height: 64 };
const LEAST_NODE_PX = 112;
/** Between layers, and between stages of a layer. */
const GAP = { along: 36, across: 14 };

/** The graph in a space of this width: from left to right, or from above to below where that is too wide. */
export function drawingOf({ places, layers, rows }: Layout, spacePx: number): Drawing {
  const across = (size: number, count: number, gap: number) => count * size + Math.max(0, count - 1) * gap;
  const isVertical = across(NODE.width, layers, GAP.along) > spacePx;
  const width = isVertical
    ? Math.min(
        rows === 1 ? spacePx : NODE.width * 1.3,
        Math.max(LEAST_NODE_PX, (spacePx - (rows - 1) * GAP.across) / Math.max(1, rows)),
      )
    : NODE.width;
  const node = { width, height: NODE.height };
  const gapAlong = isVertical ? 26 : GAP.along;
  const size = {
    along: across(isVertical ? node.height : node.width, layers, gapAlong),
    across: across(isVertical ? node.width : node.height, rows, GAP.across),
  };
  const boxes = new Map<string, Box>();
  for (const { name, layer, row } of places.values()) {
    const inLayer = [...places.values()].filter((other) => other.layer === layer).length;
    const step = (isVertical ? node.width : node.height) + GAP.across;
    const side = ((rows - inLayer) * step) / 2 + row * step;
    const along = layer * ((isVertical ? node.height : node.width) + gapAlong);
    boxes.set(name, isVertical ? { x: side, y: along } : { x: along, y: side });
  }
  return {
    isVertical,
    width: isVertical ? size.across : size.along,
    height: isVertical ? size.along : size.across,
    node,
    boxes,
  };
}
