import type { AllowedRange } from '../../core/detect/allowed.js';
import type { Rule } from '../../core/detect/rules.js';
import type { Quantity } from '../../core/units.js';

/**
 * The narrowest limits of each quantity that rules hold. Where passing one limit of a side is an excursion and passing
 * another only a warning, the excursion's counts: a cabinet at 26 °C is watched, not outside.
 */
export function innermostLimits(rules: readonly Rule[]): Map<Quantity, AllowedRange> {
  const limits = new Map<Quantity, AllowedRange>();
  const sides = rules.flatMap((rule) => sideOf(rule) ?? []);
  for (const side of [...sides.filter((s) => s.excursion), ...sides.filter((s) => !s.excursion)]) {
    const { quantity, above, limit, excursion } = side;
    const [low, high] = limits.get(quantity) ?? [null, null];
    const settled = !excursion && hasExcursion(sides, side);
    if (settled) continue;
    if (above) limits.set(quantity, [low, Math.min(high ?? limit, limit)]);
    else limits.set(quantity, [Math.max(low ?? limit, limit), high]);
  }
  return limits;
}

interface Side {
  quantity: Quantity;
  above: boolean;
  limit: number;
  excursion: boolean;
}

const hasExcursion = (sides: readonly Side[], { quantity, above }: Side) =>
  sides.some((side) => side.excursion && side.quantity === quantity && side.above === above);

function sideOf(rule: Rule): Side | undefined {
  switch (rule.kind) {
    case 'threshold': {
      const { quantity, side, limit, alert } = rule;
      return { quantity, above: side === 'above', limit, excursion: alert === 'excursion' };
    }
    case 'behaviour':
      if (rule.what !== 'excursion') return undefined;
      return { quantity: 'temperature', above: rule.side === 'above', limit: rule.limit, excursion: true };
    case 'contact':
      // 1 is open, or the mains are there: what the rule waits for is outside.
      return {
        quantity: 'contact',
        above: rule.when === 1,
        limit: rule.when === 1 ? 0 : 1000,
        excursion: true,
      };
    default:
      return undefined;
  }
}
