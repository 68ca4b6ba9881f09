// Whether the screen is narrow, where the list becomes a drawer (the same width as in the styles).
import { MediaQuery } from "svelte/reactivity";

export const narrow = new MediaQuery("max-width: 719px");
