// Whether fingers do the pointing, and the keys are on the screen.
import { MediaQuery } from "svelte/reactivity";

export const touch = new MediaQuery("pointer: coarse");
