/** What the form declares as a file for `lim pipelines launch`. */

import type { JsonObject } from '@/features/training/schema-form/json';
import type { Form } from '@/features/training/schema-form/node';
import { onlyChanges } from '@/features/training/yaml';
import { writeYaml } from '@/lib/yaml';

const ABOUT = `# The same as a file for \`lim pipelines launch\`. What is not said here has its default.
# A stage waits for the one before it, or for those that its \`needs\` name: needs: [train, other].
`;

export async function declarationText(
  form: Form,
  config: JsonObject,
  stages: readonly JsonObject[],
): Promise<string> {
  return ABOUT + (await writeYaml({ config: onlyChanges(form, config), stages }));
}
