// The pages about the house, for those who run it and those who look after them.
import ScrollText from "@lucide/svelte/icons/scroll-text";
import Settings from "@lucide/svelte/icons/settings";
import { m } from "../lib/paraglide/messages";
import type { UserRole } from "../lib/api/types";
import type { Section } from "../pages/sections";

const running: UserRole[] = ["admin"];
const looking: UserRole[] = ["admin", "auditor"];

export const houseSections: Section[] = [
  { path: "settings", label: m.settings, icon: Settings, roles: running, load: () => import("./Settings.svelte") },
  { path: "audit", label: m.audit, icon: ScrollText, roles: looking, load: () => import("./Audit.svelte") },
];
