// Which page the address means, over the history API. The server answers every page path with index.html.

export type PagesName = "account" | "house";
/** The pages before signing in that are a word of the address. */
const ENTRIES = ["setup", "sign-in", "register", "forgot-password"] as const;
/** Those behind a link that somebody was sent, whoever is signed in. */
const LINKS = ["verify-email", "reset-password"] as const;
type EntryName = (typeof ENTRIES)[number];
type LinkName = (typeof LINKS)[number];

export type Route =
  | { page: EntryName | LinkName }
  | { page: "approve"; token: string }
  | { page: "chat"; conversation?: string }
  | { page: PagesName; section: string; item?: string }
  | { page: "unknown" };

export function routeOf(path: string): Route {
  const [, first = "", second, third, ...more] = path.replace(/(?<=.)\/+$/, "").split("/");
  if (more.length > 0) return { page: "unknown" };
  if (first === "account" || first === "house") return { page: first, section: second ?? "", item: third && decoded(third) };
  if (third !== undefined) return { page: "unknown" };
  if (first === "c" && second) return { page: "chat", conversation: second };
  if (first === "approve" && second) return { page: "approve", token: decoded(second) };
  if (second !== undefined) return { page: "unknown" };
  if (first === "") return { page: "chat" };
  const entry = [...ENTRIES, ...LINKS].find((name) => name === first);
  return { page: entry ?? "unknown" };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

class Router {
  route: Route = $state.raw(routeOf(location.pathname));

  constructor() {
    addEventListener("popstate", () => (this.route = routeOf(location.pathname)));
  }

  /** Which one of the section's things is meant, where the address names one. */
  get item(): string | undefined {
    return "item" in this.route ? this.route.item : undefined;
  }

  go(path: string, how: { replace?: boolean } = {}) {
    if (how.replace) history.replaceState(null, "", path);
    else if (path !== location.pathname + location.search) history.pushState(null, "", path);
    this.route = routeOf(new URL(path, location.origin).pathname);
  }
}

export const router = new Router();

/** For `onclick` of a link: follows it inside the page, unless the reader wants a new tab. */
export function follow(event: MouseEvent & { currentTarget: HTMLAnchorElement }) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  router.go(event.currentTarget.pathname);
}
