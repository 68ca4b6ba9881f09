// The pages about the house, for those who run it and those who look after them.
import Gauge from "@lucide/svelte/icons/gauge";
import Inbox from "@lucide/svelte/icons/inbox";
import KeyRound from "@lucide/svelte/icons/key-round";
import Mail from "@lucide/svelte/icons/mail";
import Puzzle from "@lucide/svelte/icons/puzzle";
import ScrollText from "@lucide/svelte/icons/scroll-text";
import Settings from "@lucide/svelte/icons/settings";
import UserRound from "@lucide/svelte/icons/user-round";
import UsersRound from "@lucide/svelte/icons/users-round";
import { m } from "../lib/paraglide/messages";
import type { UserRole } from "../lib/api/types";
import type { Section } from "../pages/sections";
import { requestsWait } from "./requests-words";

const running: UserRole[] = ["admin"];
const looking: UserRole[] = ["admin", "auditor"];

export const houseSections: Section[] = [
  { path: "overview", label: m.overview, icon: Gauge, roles: looking, load: () => import("./Overview.svelte") },
  { path: "people", label: m.people, icon: UserRound, roles: running, load: () => import("./People.svelte") },
  { path: "groups", label: m.groups, icon: UsersRound, roles: running, load: () => import("./GroupsPage.svelte") },
  { path: "keys", label: m.registration_keys, icon: KeyRound, roles: running, load: () => import("./Keys.svelte") },
  { path: "requests", label: m.requests, icon: Inbox, roles: running, waiting: ({ requests: { count } }) => ({ count, words: requestsWait(count) }), load: () => import("./Requests.svelte") },
  { path: "plugins", label: m.plugins, icon: Puzzle, roles: running, load: () => import("./plugins/Plugins.svelte") },
  { path: "mail", label: m.mail, icon: Mail, roles: running, load: () => import("./mail/Mail.svelte") },
  { path: "settings", label: m.settings, icon: Settings, roles: running, load: () => import("./Settings.svelte") },
  { path: "audit", label: m.audit, icon: ScrollText, roles: looking, load: () => import("./Audit.svelte") },
];
