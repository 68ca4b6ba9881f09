// Applies fast-changing things at the screen's pace: once a frame, and less often when applying
// is dear, so that the page stays at ease however long the text has grown.

const SHARE_OF_TIME = 4;
const HIDDEN_PAGE_MS = 400;

export class Paced {
  #apply: () => void;
  #settled: () => Promise<void>;
  #waiting = false;
  #notBefore = 0;

  /** `settled` resolves when the page shows what `apply` changed (Svelte's `tick`). */
  constructor(apply: () => void, settled: () => Promise<void>) {
    this.#apply = apply;
    this.#settled = settled;
  }

  request() {
    if (this.#waiting) return;
    this.#waiting = true;
    const wait = this.#notBefore - performance.now();
    if (document.hidden) setTimeout(() => this.#run(), HIDDEN_PAGE_MS);
    else if (wait > 16) setTimeout(() => this.#run(), wait);
    else requestAnimationFrame(() => this.#run());
  }

  /** Applies now what is still waiting. */
  flush() {
    if (this.#waiting) this.#run();
  }

  #run() {
    if (!this.#waiting) return;
    this.#waiting = false;
    const start = performance.now();
    this.#apply();
    void this.#settled().then(() => {
      const end = performance.now();
      this.#notBefore = end + (SHARE_OF_TIME - 1) * (end - start);
    });
  }
}
