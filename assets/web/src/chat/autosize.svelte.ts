// Lets a textarea be as high as its text, up to the height its style allows.
import type { Attachment } from "svelte/attachments";

export function autosize(text: () => string): Attachment<HTMLTextAreaElement> {
  return (field) => {
    const fit = () => {
      void text();
      field.style.height = "auto";
      field.style.height = `${field.scrollHeight}px`;
    };
    $effect(fit);
    const wide = new ResizeObserver(fit);
    wide.observe(field.parentElement!);
    return () => wide.disconnect();
  };
}
