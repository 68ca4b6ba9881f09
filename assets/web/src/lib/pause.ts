// What is asked while somebody types is asked once they pause.

const PAUSE_MS = 250;

/** Runs `run` when this has not been called again for a moment. */
export function afterPause(run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, PAUSE_MS);
  };
}
