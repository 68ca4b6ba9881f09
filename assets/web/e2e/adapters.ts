// Adapters for the tests: files that say all they must say and were never trained, and the keeper of
// the house, who adds and deletes them.
import { expect } from "@playwright/test";
import type { House } from "./house";
import { password } from "./page";

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
}

function number(value: number, bytes: 4 | 8): Buffer {
  const written = Buffer.alloc(bytes);
  if (bytes === 4) written.writeUInt32LE(value);
  else written.writeBigUInt64LE(BigInt(value));
  return written;
}

function adapterFile(name: string): Buffer {
  const texts = { "general.architecture": "qwen3", "general.type": "adapter", "general.name": name, "adapter.type": "lora" };
  const metadata = Object.entries(texts).flatMap(([key, value]) => [text(key), number(8, 4), text(value)]);
  const alpha = Buffer.alloc(4);
  alpha.writeFloatLE(16);
  metadata.push(text("adapter.lora.alpha"), number(6, 4), alpha);
  const tensor = (part: string, sizes: [number, number], offset: number) => [
    text(`blk.0.attn_q.weight.${part}`),
    number(2, 4),
    ...sizes.map((size) => number(size, 8)),
    number(0, 4),
    number(offset, 8),
  ];
  const header = [Buffer.from("GGUF"), number(3, 4), number(2, 8), number(5, 8)];
  return Buffer.concat([...header, ...metadata, ...tensor("lora_a", [64, 8], 0), ...tensor("lora_b", [8, 64], 2048), Buffer.alloc(4128)]);
}

async function asKeeper(house: House): Promise<Record<string, string>> {
  const headers = { "content-type": "application/json" };
  const login = await fetch(`${house.url}/api/v1/auth/login`, { method: "POST", headers, body: JSON.stringify({ login: "keeper", password }) });
  return { authorization: `Bearer ${((await login.json()) as { access_token: string }).access_token}` };
}

const address = (house: House, rest: string) => `${house.url}/api/v1/admin/adapters${rest}`;

/** Adds adapters of these names to a model. What a test before has added is there already. */
export async function addAdapters(house: House, base: string, names: string[]) {
  const headers = { ...(await asKeeper(house)), "content-type": "application/octet-stream" };
  for (const name of names) {
    const query = new URLSearchParams({ base, name, description: `Speaks as a ${name.toLowerCase()} would.` });
    const answer = await fetch(address(house, `?${query}`), { method: "POST", headers, body: new Uint8Array(adapterFile(name)) });
    expect([201, 409]).toContain(answer.status);
  }
}

export async function deleteAdapter(house: House, id: string) {
  const answer = await fetch(address(house, `/${id}`), { method: "DELETE", headers: await asKeeper(house) });
  expect(answer.status).toBe(204);
}
