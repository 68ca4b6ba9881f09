// Short notes at the edge of the page, each with at most one thing to do about it.
import { randomId } from "../lib/ids";
import { wordsFor } from "../lib/problems";

export interface Toast {
  id: string;
  text: string;
  action?: { label: string; run(): void };
}

const SHOWN_MS = 6000;

class Toasts {
  shown: Toast[] = $state.raw([]);

  /** Shows a note for a while; returns what takes it away early. */
  show(text: string, action?: Toast["action"], ms = SHOWN_MS): () => void {
    const toast: Toast = { id: randomId(), text, action };
    const dismiss = () => (this.shown = this.shown.filter((other) => other.id !== toast.id));
    this.shown = [...this.shown.slice(-2), toast];
    setTimeout(dismiss, ms);
    return dismiss;
  }

  clear() {
    this.shown = [];
  }
}

export const toasts = new Toasts();

/** For what went wrong away from any place of its own. */
export const complain = (error: unknown) => void toasts.show(wordsFor(error));
