// Keeps a scrolling view at its end while it grows, but only as long as the reader is there.

const NEAR_PX = 32;

export class EndFollower {
  following = $state(true);
  #view: HTMLElement | undefined;
  #lastTop = 0;

  attach = (view: HTMLElement) => {
    this.#view = view;
    const onscroll = () => {
      const atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < NEAR_PX;
      // Only a move upwards leaves the end: growing text also opens a distance to it.
      if (atEnd) this.following = true;
      else if (view.scrollTop < this.#lastTop - 1) this.following = false;
      this.#lastTop = view.scrollTop;
    };
    const grown = new ResizeObserver(() => {
      if (this.following) this.#toEnd();
      else onscroll();
    });
    view.addEventListener("scroll", onscroll, { passive: true });
    grown.observe(view);
    if (view.firstElementChild) grown.observe(view.firstElementChild);
    return () => {
      view.removeEventListener("scroll", onscroll);
      grown.disconnect();
    };
  };

  jump() {
    this.following = true;
    this.#toEnd();
  }

  #toEnd() {
    if (!this.#view) return;
    this.#view.scrollTop = this.#view.scrollHeight;
    this.#lastTop = this.#view.scrollTop;
  }
}
