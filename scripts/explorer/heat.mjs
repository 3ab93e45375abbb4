// The one scale of all heat maps: from the paper to the strongest colour.

/** A colour between the paper and the strongest one, on which the ink is readable. */
export function heatColour(share) {
  return `color-mix(in srgb, var(--heat) ${(100 * (share || 0)).toFixed(1)}%, var(--paper))`;
}
