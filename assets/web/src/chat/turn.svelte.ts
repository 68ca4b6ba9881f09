// One message on the screen. It keeps its place (and its key) when the server gives it an id.
import type { Message } from "../lib/api/types";
import { randomId } from "../lib/ids";

export class Turn {
  readonly key = randomId();
  message: Message = $state.raw()!;
  /** Set when the server never took it: sends it again. */
  again: (() => void) | undefined = $state.raw();

  constructor(message: Message) {
    this.message = message;
  }

  /** The same place with what the server says now. */
  showing(message: Message): this {
    this.message = message;
    this.again = undefined;
    return this;
  }
}

/** A message of the reader's that is on its way. */
export function draftOf(content: string, parent: string | undefined): Message {
  return { ...blank(), role: "user", status: "complete", content, parent_id: parent };
}

/** The place of a reply that is not there yet; beside `sibling` when it is another try. */
export function hollowReply(sibling?: Message): Message {
  const siblings = sibling ? [...sibling.sibling_ids] : [];
  const message: Message = { ...blank(), role: "assistant", status: "running", content: "" };
  return siblings.length ? { ...message, sibling_ids: [...siblings, message.id] } : message;
}

function blank() {
  const id = `local-${randomId()}`;
  return { id, conversation_id: "", created_at: new Date().toISOString(), sibling_ids: [id] };
}
