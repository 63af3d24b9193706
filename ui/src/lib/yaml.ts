/** Writing YAML. The library is loaded when it is needed. */

/** A value as YAML that readers of version 1.1 and 1.2 read as the same value. */
export async function writeYaml(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(value, {
    version: '1.1',
    lineWidth: 120,
    flowCollectionPadding: false,
    aliasDuplicateObjects: false,
    customTags: (tags) => [
      {
        // Readers of version 1.1 take 1e-8 for text: they want a point in the mantissa, and a sign.
        tag: 'tag:yaml.org,2002:float',
        default: true,
        test: /^[-+]?\d+(?:\.\d+)?e[-+]?\d+$/i,
        identify: (number: unknown) => typeof number === 'number' && String(number).includes('e'),
        resolve: (text: string) => Number(text),
        stringify: ({ value: number }) =>
          String(number)
            .replace(/^(-?\d+)(?=e)/, '$1.0')
            .replace(/e(?=\d)/, 'e+'),
      },
      ...tags,
    ],
  });
}
