/** What is wrong with the writing itself, for people who do not know YAML's own words. */
export interface Syntax {
  got: string;
  expected: string;
}

const NAME_AND_VALUE = '"name: value" with a space after the colon, as far in as its neighbours';

const unclosed = (open: string, close: string): Syntax => ({
  got: `a "${open}" that nothing closes`,
  expected: `a "${close}" before the next line begins`,
});

/** What the parser says, and what that means for whoever wrote the file. */
const WORDS: [RegExp, Syntax][] = [
  [/^Tabs are not allowed/, { got: 'a tab', expected: 'spaces before a name' }],
  [/^Flow sequence in block collection/, unclosed('[', ']')],
  [/^Flow map in block collection/, unclosed('{', '}')],
  [
    /^(Nested mappings|Implicit (map )?keys|Missing , or)/,
    { got: 'words that fit nowhere', expected: NAME_AND_VALUE },
  ],
  [
    /^(All (mapping|collection) items must start|Sequence item without -|A (block sequence|collection) )/,
    { got: 'a line that stands further in or out than its neighbours', expected: NAME_AND_VALUE },
  ],
  [/^Map keys must be unique/, { got: 'a name that stands here already', expected: 'each name once' }],
  [/^Missing closing/, { got: 'a quote that nothing closes', expected: 'a second one' }],
  [/^Maximum call stack/, { got: 'brackets nested too deeply', expected: 'valid YAML' }],
];

export function inWords(message: string): Syntax {
  const known = WORDS.find(([pattern]) => pattern.test(message));
  return known?.[1] ?? { got: message.replace(/\n[\s\S]*/, ''), expected: 'valid YAML' };
}
