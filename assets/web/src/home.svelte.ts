// What a signed-in page keeps: the list, the models, and the conversation on the screen.
// Made when somebody signs in and thrown away when they leave, so nothing of theirs stays behind.
import { createContext, tick } from "svelte";
import { OwnAllowance } from "./allowance/own-allowance.svelte";
import { OpenConversation } from "./chat/conversation.svelte";
import { forgetUnsent, keepDraft } from "./chat/drafts";
import { Models } from "./chat/models.svelte";
import { ConversationList } from "./sidebar/conversations.svelte";
import { WaitingRequests } from "./house/waiting-requests.svelte";
import { watchRunning } from "./sidebar/running";
import { narrow } from "./lib/narrow.svelte";
import { router } from "./lib/router.svelte";
import { complain, toasts } from "./ui/toasts.svelte";

export class Home {
  readonly list = new ConversationList();
  readonly models = new Models();
  readonly allowance = new OwnAllowance();
  readonly requests = new WaitingRequests();
  open: OpenConversation = $state.raw()!;
  /** On a narrow screen the list is a drawer. */
  drawer = $state(false);

  /** The drawer lies over the conversation, which is out of reach meanwhile. */
  get covered(): boolean {
    return this.drawer && narrow.current;
  }

  constructor(conversation: string | undefined) {
    this.open = this.#openConversation(conversation);
  }

  /** Starts reading; returns what ends it. */
  start(): () => void {
    void this.list.arrive();
    void this.models.load();
    void this.allowance.load();
    const stopCounting = this.requests.watch();
    let ended = false;
    const stopWatching = watchRunning((replyOf) => {
      const endedBefore = ended;
      ended = this.list.markRunning(replyOf);
      // A title is written when the reply has ended: the round after finds it too.
      if (ended || endedBefore) void this.list.refresh();
      if (this.open.id) this.open.notice(replyOf.get(this.open.id));
    });
    const seenAgain = () => {
      if (document.hidden) return;
      void this.list.refresh();
      void this.requests.load();
      if (!this.open.running) void this.open.load();
    };
    const leave = () => this.list.leave();
    document.addEventListener("visibilitychange", seenAgain);
    addEventListener("pagehide", leave);
    return () => {
      stopWatching();
      stopCounting();
      document.removeEventListener("visibilitychange", seenAgain);
      removeEventListener("pagehide", leave);
      this.list.leave();
      this.models.close();
      this.open.close();
      toasts.clear();
    };
  }

  /** Follows the address: keeps the conversation that is already there. */
  show(id: string | undefined) {
    if (id !== this.open.id) this.#replace(id);
  }

  newConversation() {
    this.drawer = false;
    router.go("/");
    if (this.open.turns.length > 0) this.#replace(undefined);
    void tick().then(() => document.getElementById("composer")?.focus());
  }

  #replace(id: string | undefined) {
    this.open.close();
    this.open = this.#openConversation(id);
  }

  #openConversation(id: string | undefined): OpenConversation {
    const opened = new OpenConversation(id, {
      changed: (conversation) => this.list.learn(conversation),
      accepted: (from) => {
        forgetUnsent(from);
        // What is being typed goes with the conversation that was made.
        if (this.open === opened && from === undefined) keepDraft(from, "");
      },
      failed: complain,
      created: (conversation) => {
        if (this.open === opened && router.route.page === "chat") router.go(`/c/${conversation.id}`, { replace: true });
      },
    });
    return opened;
  }
}

export const [getHome, setHome] = createContext<Home>();
