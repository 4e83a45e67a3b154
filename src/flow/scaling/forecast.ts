// What comes next, from what came: double exponential smoothing (Holt's linear method). Pure. Knows
// nothing of pools. Always true: a forecast is never below 0, and after a rest the trend is gone.

/** Arrivals as they are seen after some ticks: a rate, and how it changes. */
export interface Forecast {
  /** Arrivals a second, smoothed. */
  readonly perSecond: number;
  /** By how much that changes each second. */
  readonly trendPerSecond: number;
}

/** Nothing has come yet. */
export const noForecast: Forecast = { perSecond: 0, trendPerSecond: 0 };

/** Times over which the rate and its trend are smoothed. */
const rateMs = 200;
const trendMs = 600;

/** Adds what came in `elapsedMs`. */
export function observed(before: Forecast, count: number, elapsedMs: number): Forecast {
  if (!(elapsedMs > 0)) return before;
  const seconds = elapsedMs / 1_000;
  const rateShare = shareOf(elapsedMs, rateMs);
  const trendShare = shareOf(elapsedMs, trendMs);
  const expected = before.perSecond + before.trendPerSecond * seconds;
  const perSecond = Math.max(0, expected + rateShare * (count / seconds - expected));
  const change = (perSecond - before.perSecond) / seconds;
  const trend = before.trendPerSecond + trendShare * (change - before.trendPerSecond);
  return { perSecond, trendPerSecond: perSecond === 0 ? 0 : trend };
}

/** Arrivals a second in `aheadMs` from now. A fall is not foreseen: it is waited for. */
export function expectedPerSecond(forecast: Forecast, aheadMs: number): number {
  const { perSecond, trendPerSecond } = forecast;
  return perSecond + Math.max(0, trendPerSecond) * (aheadMs / 1_000);
}

/** The share of a new value, whatever the time between two of them is. */
export function shareOf(elapsedMs: number, overMs: number): number {
  return 1 - Math.exp(-elapsedMs / overMs);
}
