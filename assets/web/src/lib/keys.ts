// The page's own keys. One list serves the listener and the dialog that shows them all.
import { m } from "./paraglide/messages";
import { touch } from "./touch.svelte";

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
const command = () => (isMac ? "⌘" : m.key_ctrl());

export interface KeyHelp {
  keys: () => string[];
  does: () => string;
}

export const keyHelp: KeyHelp[] = [
  { keys: () => ["Enter"], does: m.key_send },
  { keys: () => [m.key_shift(), "Enter"], does: m.key_newline },
  { keys: () => ["↑"], does: m.key_edit_last },
  { keys: () => ["Esc"], does: m.key_stop },
  { keys: () => [command(), m.key_shift(), "O"], does: m.key_new },
  { keys: () => [command(), m.key_shift(), "C"], does: m.key_copy },
  { keys: () => [command(), "/"], does: m.key_show },
];

type Actions = Partial<Record<"newConversation" | "copyLastReply" | "showKeys" | "stop", () => void>>;

/** A keydown listener for those of the actions that are given. */
export function onKeys(actions: Actions): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const name = nameOf(event);
    const action = name && actions[name];
    if (!action) return;
    event.preventDefault();
    action();
  };
}

/** Whether this key press sends what is being written. On a touch screen Enter is the only way to a new line. */
export function sends(event: KeyboardEvent): boolean {
  const held = event.shiftKey || event.ctrlKey || event.altKey || event.metaKey;
  return event.key === "Enter" && !held && !touch.current;
}

function nameOf(event: KeyboardEvent): keyof Actions | undefined {
  const held = isMac ? event.metaKey : event.ctrlKey;
  if (event.key === "Escape" && !held && !event.shiftKey) return "stop";
  if (!held || event.altKey) return undefined;
  if (event.shiftKey && event.code === "KeyO") return "newConversation";
  if (event.shiftKey && event.code === "KeyC") return "copyLastReply";
  if (event.key === "/" || (event.shiftKey && event.code === "Digit7")) return "showKeys";
  return undefined;
}
