// Where the focus goes when what had it leaves the page or can no longer be used. Without this it
// falls to the body, and whoever types or tabs on starts from nowhere.
import type { Attachment } from "svelte/attachments";

/** `heir` names who takes the focus after something in this area has lost it; nobody, when it names nobody. */
export function keepFocus(heir: (lost: Element) => HTMLElement | null | undefined): Attachment<HTMLElement> {
  return (area) => {
    let held: Element | undefined;
    const take = (event: FocusEvent) => (held = event.target as Element);
    const hand = () => {
      const lost = held;
      if (!lost || isUsable(lost)) return;
      held = undefined;
      const now = document.activeElement;
      if (!now || now === document.body || now === lost) heir(lost)?.focus();
    };
    // A frame later: a menu that closes or an editor that opens has taken the focus by then.
    const watch = new MutationObserver(() => held && !isUsable(held) && requestAnimationFrame(hand));
    area.addEventListener("focusin", take);
    watch.observe(area, { subtree: true, childList: true, attributeFilter: ["disabled"] });
    return () => {
      area.removeEventListener("focusin", take);
      watch.disconnect();
    };
  };
}

const isUsable = (element: Element) => element.isConnected && !element.matches(":disabled");
