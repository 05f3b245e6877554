/** Finds a member name that stands twice in one object of a JSON text. JSON.parse keeps the last one and says nothing. */

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** @param text valid JSON. @returns the name, or null */
export function duplicateMember(text: string): string | null {
  /** Names in each open object; null for an array. */
  const open: (Set<string> | null)[] = [];
  let isName = false;
  for (const [token] of text.matchAll(tokens)) {
    const names = open.at(-1) ?? null;
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token.startsWith('"') && isName && names !== null) {
      const name = JSON.parse(token) as string;
      if (names.has(name)) return name;
      names.add(name);
    }
    isName = token === "{" || token === ",";
  }
  return null;
}
