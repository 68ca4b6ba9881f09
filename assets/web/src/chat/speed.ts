// Tokens a second, over the last few seconds, so that it follows what the reader sees.

const WINDOW_MS = 4000;
const LEAST_MS = 700;

export class Speedometer {
  #times: number[] = [];

  /** Each delta is one token, near enough for a figure that is replaced at the end. */
  tick(now: number) {
    this.#times.push(now);
    const old = this.#times.findIndex((time) => now - time <= WINDOW_MS);
    if (old > 64) this.#times.splice(0, old);
  }

  perSecond(now: number): number | undefined {
    const recent = this.#times.filter((time) => now - time <= WINDOW_MS);
    const span = now - (recent[0] ?? now);
    return span < LEAST_MS ? undefined : ((recent.length - 1) * 1000) / span;
  }
}
