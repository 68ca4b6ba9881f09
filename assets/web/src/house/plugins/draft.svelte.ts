// A plugin's two files as they are being written. What is not saved is kept in this tab, so that
// nothing is lost by looking at another page.
import type { PluginWithSource } from "../../lib/api/types";
import { readStored, writeStored } from "../../lib/stored";

type Files = { source: string; manifest: string };

export class PluginDraft {
  #key: string;
  #saved: Files = $state.raw({ source: "", manifest: "" });
  files: Files = $state({ source: "", manifest: "" });

  constructor({ plugin, source, manifest }: PluginWithSource) {
    this.#key = `chatelaine-plugin-${plugin.name}`;
    this.#saved = { source, manifest };
    this.files = { ...this.#saved, ...(JSON.parse(readStored("session", this.#key) ?? "{}") as Partial<Files>) };
  }

  get isChanged(): boolean {
    return this.files.source !== this.#saved.source || this.files.manifest !== this.#saved.manifest;
  }

  /** For an effect: it follows what is typed. */
  keep() {
    writeStored("session", this.#key, this.isChanged ? JSON.stringify(this.files) : null);
  }

  saved({ source, manifest }: Files) {
    this.#saved = { source, manifest };
    this.files = { source, manifest };
  }

  discard() {
    this.files = { ...this.#saved };
  }
}
