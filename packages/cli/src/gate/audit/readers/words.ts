/** The words of a line as a shell splits it, without expansions; null if a quote is not closed. */
export function shellWords(text: string): readonly string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    if (quote !== "") {
      if (character === quote) quote = "";
      else if (character === "\\" && quote === '"' && /["\\$`]/.test(text[index + 1] ?? "")) word += text[++index]!;
      else word += character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (character === "\\" && index + 1 < text.length) {
      const next = text[++index]!;
      if (next !== "\n") word = (word ?? "") + next;
    } else if (/\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? "") + character;
    }
  }
  if (quote !== "") return null;
  if (word !== null) words.push(word);
  return words;
}

export interface Flag {
  readonly name: string;
  readonly value: string;
  /** Of its word. */
  readonly index: number;
}

/** `--name=value` and `--name value` of a command line; a flag without a value is `true`. */
export function flagsOf(words: readonly string[]): readonly Flag[] {
  const flags: Flag[] = [];
  for (let index = 0; index < words.length; index++) {
    const match = /^--?([a-zA-Z][\w.-]*)(?:=([\s\S]*))?$/.exec(words[index]!);
    if (match === null) continue;
    const [, name = "", value] = match;
    const next = words[index + 1];
    if (value !== undefined) flags.push({ name, value, index });
    else if (next !== undefined && !/^--?[a-zA-Z]/.test(next))
      flags.push({ name, value: words[++index]!, index: index - 1 });
    else flags.push({ name, value: "true", index });
  }
  return flags;
}

/** As redis-server takes them: `--save 900 1 --appendonly yes`; all up to the next `--` is the value. */
export function redisFlags(words: readonly string[]): readonly Flag[] {
  const flags: { name: string; value: string[]; index: number }[] = [];
  for (const [index, word] of words.entries()) {
    if (/^--[a-zA-Z]/.test(word)) flags.push({ name: word.slice(2).toLowerCase(), value: [], index });
    else flags.at(-1)?.value.push(word);
  }
  return flags.map(({ name, value, index }) => ({ name, value: value.join(" "), index }));
}
