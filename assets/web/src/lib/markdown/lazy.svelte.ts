// Fetches the Markdown machinery beside the first load, as soon as somebody signed in may need it.
import type MarkdownText from "./MarkdownText.svelte";
import { backOffMs } from "../retry";

class LazyMarkdown {
  current: typeof MarkdownText | undefined = $state.raw();
  #asked = false;

  /** Starts fetching, and goes on trying: without it replies stay plain text. */
  async load(tries = 0) {
    if (this.#asked && tries === 0) return;
    this.#asked = true;
    try {
      this.current = (await import("./MarkdownText.svelte")).default;
    } catch {
      setTimeout(() => void this.load(tries + 1), backOffMs(tries));
    }
  }
}

export const markdownText = new LazyMarkdown();
