// Watches which of my replies are being written, wherever they were asked for, so that the list
// shows it and the open conversation can attach. Until there is one stream of live updates, it asks.
import { api, call } from "../lib/api/client";

const EVERY_MS = 5000;

/** Calls `tell` with reply ids by conversation, now and then while the page is seen. Returns what stops it. */
export function watchRunning(tell: (replyOf: Map<string, string>) => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  let stopped = false;
  const ask = async () => {
    clearTimeout(timer);
    if (stopped) return;
    if (!document.hidden) {
      try {
        const { items } = await call(api.GET("/replies"));
        if (!stopped) tell(new Map(items.map((reply) => [reply.conversation_id, reply.id])));
      } catch {
        // The next round asks again; whoever needs the network says what is wrong with it.
      }
    }
    timer = setTimeout(ask, EVERY_MS);
  };
  document.addEventListener("visibilitychange", ask);
  timer = setTimeout(ask, EVERY_MS);
  return () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", ask);
  };
}
