// Waiting between tries to reach the server again.

const FIRST_MS = 400;
const LONGEST_MS = 10_000;

/** Doubles with every try, up to ten seconds, spread so that many pages do not knock at once. */
export function backOffMs(tries: number, random = Math.random): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** tries);
  return full * (0.6 + 0.4 * random());
}

/** Waits, but not longer than until the network or the reader comes back. Rejects when aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (then: () => void) => () => {
      clearTimeout(timer);
      removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", wake);
      signal.removeEventListener("abort", quit);
      then();
    };
    const wake = over(resolve);
    const quit = over(() => reject(signal.reason));
    const timer = setTimeout(wake, ms);
    addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    signal.addEventListener("abort", quit);
    if (signal.aborted) quit();
  });
}
