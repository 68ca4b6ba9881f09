// The pages about oneself.
import Archive from "@lucide/svelte/icons/archive";
import Coins from "@lucide/svelte/icons/coins";
import KeyRound from "@lucide/svelte/icons/key-round";
import MonitorSmartphone from "@lucide/svelte/icons/monitor-smartphone";
import Palette from "@lucide/svelte/icons/palette";
import UserRound from "@lucide/svelte/icons/user-round";
import { m } from "../lib/paraglide/messages";
import type { Section } from "../pages/sections";

export const accountSections: Section[] = [
  { path: "profile", label: m.profile, icon: UserRound, load: () => import("./Profile.svelte") },
  { path: "sessions", label: m.sessions, icon: MonitorSmartphone, load: () => import("./Sessions.svelte") },
  { path: "keys", label: m.api_keys, icon: KeyRound, load: () => import("./ApiKeys.svelte") },
  { path: "allowance", label: m.allowance, icon: Coins, load: () => import("../allowance/AllowancePage.svelte") },
  { path: "appearance", label: m.theme, icon: Palette, load: () => import("./Appearance.svelte") },
  { path: "data", label: m.my_data, icon: Archive, load: () => import("./MyData.svelte") },
];
