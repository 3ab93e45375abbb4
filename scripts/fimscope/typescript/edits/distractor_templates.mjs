// Declarations that have nothing to do with any program: every name in them stands between bars.

export const TEMPLATES = [
  `function |clampRatio|(|ratio|: number, |upper|: number): number {
  return |ratio| > |upper| ? |upper| : |ratio|;
}`,
  `function |joinWords|(|words|: string[], |separator|: string): string {
  return |words|.join(|separator|);
}`,
  `function |isWeekend|(|weekday|: number): boolean {
  return |weekday| === 0 || |weekday| === 6;
}`,
  `function |countVowels|(|sentence|: string): number {
  let |vowels| = 0;
  for (const |letter| of |sentence|) {
    if ("aeiou".includes(|letter|)) |vowels| += 1;
  }
  return |vowels|;
}`,
  `interface |Rectangle| {
  width: number;
  height: number;
}`,
  `type |Season| = "spring" | "summer" | "autumn" | "winter";`,
  `const |defaultColours|: string[] = ["red", "green", "blue"];`,
  `const |celsiusOf| = (|fahrenheit|: number): number => ((|fahrenheit| - 32) * 5) / 9;`,
  `function |oldestFirst|(|birthdays|: Date[]): Date[] {
  return [...|birthdays|].sort((|earlier|, |later|) => |earlier|.getTime() - |later|.getTime());
}`,
  `function |parseFlag|(|flag|: string | undefined): boolean {
  return |flag| === "yes" || |flag| === "on";
}`,
  `function |tally|(|votes|: Map<string, number>, |candidate|: string): void {
  |votes|.set(|candidate|, (|votes|.get(|candidate|) ?? 0) + 1);
}`,
  `async function |pause|(|milliseconds|: number): Promise<void> {
  await new Promise<void>((|resume|) => void globalThis.setTimeout(|resume|, |milliseconds|));
}`,
];
