/** The languages of the repository, in the order in which they are set up, checked and tested. */
import { go } from "./go.ts";
import type { Language } from "./language.ts";
import { python } from "./python.ts";
import { ruby } from "./ruby.ts";
import { rust } from "./rust.ts";
import { typescript } from "./typescript.ts";

export const languages: readonly Language[] = [typescript, python, go, ruby, rust];
