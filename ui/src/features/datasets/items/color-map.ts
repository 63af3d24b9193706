/** Colours of the spectrogram from silence to the loudest: the card's colour to the brand's, in 256 steps. */

type Rgb = readonly [number, number, number];

// Lightness rises (or falls) evenly, so that what is louder is seen as more, in grey prints too.
const LIGHT: readonly Rgb[] = [
  [1, 1, 1],
  [0.84, 0.87, 0.98],
  [0.52, 0.58, 0.93],
  [0.26, 0.24, 0.72],
  [0.1, 0.06, 0.3],
];
const DARK: readonly Rgb[] = [
  [0.075, 0.08, 0.1],
  [0.14, 0.14, 0.36],
  [0.34, 0.32, 0.8],
  [0.6, 0.62, 0.98],
  [0.97, 0.95, 1],
];
const STEPS = 256;

export function colorMap(isDark: boolean): number[][] {
  const stops = isDark ? DARK : LIGHT;
  return Array.from({ length: STEPS }, (_, step) => {
    const at = (step / (STEPS - 1)) * (stops.length - 1);
    const index = Math.min(stops.length - 2, Math.floor(at));
    const [from, to] = [stops[index] as Rgb, stops[index + 1] as Rgb];
    const rest = at - index;
    return [0, 1, 2].map((c) => (from[c] ?? 0) + ((to[c] ?? 0) - (from[c] ?? 0)) * rest).concat(1);
  });
}
