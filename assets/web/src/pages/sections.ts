// What a section of the account's or the house's pages is: an address, a name, and a component
// that is fetched when somebody goes there.
import type { Component } from "svelte";
import type { Home } from "../home.svelte";
import type { UserRole } from "../lib/api/types";
import type { PagesName } from "../lib/router.svelte";
import { m } from "../lib/paraglide/messages";
import { accountSections } from "../account/sections";
import { houseSections } from "../house/sections";

export interface Section {
  /** The word behind `/account/` or `/house/`, which alone mean the first section. */
  path: string;
  label(): string;
  icon: Component<{ size?: number }>;
  /** Absent: everybody who may see these pages at all. */
  roles?: UserRole[];
  /** How much waits there, and the same in words. */
  waiting?(home: Home): { count: number; words: string };
  load(): Promise<{ default: Component<Record<string, never>> }>;
}

interface Pages {
  title(): string;
  sections: Section[];
}

export const pages: Record<PagesName, Pages> = {
  account: { title: m.account, sections: accountSections },
  house: { title: m.house, sections: houseSections },
};

export const addressOf = (name: PagesName, section: Section) => `/${name}/${section.path}`;

/** Those that somebody with this role can use. */
export function sectionsFor(name: PagesName, role: UserRole): Section[] {
  return pages[name].sections.filter(({ roles }) => !roles || roles.includes(role));
}
