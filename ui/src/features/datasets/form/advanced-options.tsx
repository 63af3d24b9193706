'use client';

import type { ReactNode } from 'react';
import { ErrorState } from '@/components/ui/error-state';
import { FormField } from '@/components/ui/form-field';
import { Input } from '@/components/ui/input';
import { RadioCard, RadioGroup } from '@/components/ui/radio-group';
import { Skeleton } from '@/components/ui/skeleton';
import { OptionInputs } from './option-inputs';
import type { Options } from './options';

/** Proposals only: the platform knows many more, by code or English name. */
const LANGUAGES =
  'Amharic Arabic Bengali Chinese Czech Dutch English Finnish French German Greek Hausa Hebrew Hindi Hungarian Igbo Indonesian Italian Japanese Korean Persian Polish Portuguese Punjabi Romanian Russian Somali Spanish Swahili Swedish Tamil Telugu Thai Turkish Ukrainian Urdu Vietnamese Yoruba Zulu'.split(
    ' ',
  );

/** Language, test and validation parts, limits of recordings, thresholds of the checks. */
export function AdvancedOptions({ options, isSpeech }: { options: Options; isSpeech: boolean }) {
  const { schema, fields, texts, setTexts, faults } = options;
  if (schema.error) return <ErrorState error={schema.error} onRetry={schema.reload} className="py-8" />;
  if (schema.isLoading)
    return (
      <div className="grid gap-4 sm:grid-cols-2" aria-busy>
        {Array.from({ length: 4 }, (_, index) => (
          <Skeleton key={index} className="h-14" />
        ))}
      </div>
    );
  return (
    <div className="grid grid-cols-1 gap-6">
      {isSpeech && (
        <FormField
          label="Spoken language"
          optional
          description="By name or code, such as German or de. It chooses among texts in several languages, and the words for digits in file names."
          error={options.languageFault}
          className="max-w-sm"
        >
          <Input
            list="dataset-languages"
            value={options.language}
            onChange={(event) => options.setLanguage(event.target.value)}
            autoComplete="off"
          />
        </FormField>
      )}
      <datalist id="dataset-languages">
        {LANGUAGES.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <Group
        title="Test and validation parts"
        about="What is kept apart from training: validation chooses the best checkpoint, the test measures it at the end."
      >
        <RadioGroup
          aria-label="Test and validation parts"
          value={options.splits ? 'now' : 'later'}
          onValueChange={(value) => options.setSplits(value === 'now')}
          className="sm:grid-cols-2"
        >
          <RadioCard
            value="later"
            title="Each training splits"
            description="As its settings say. Parts that the data names are kept."
          />
          <RadioCard
            value="now"
            title="Split once, here"
            description="Every training uses the same parts, so that results can be compared."
          />
        </RadioGroup>
        {options.splits && (
          <OptionInputs
            fields={fields.split}
            texts={texts.split}
            onChange={(next) => setTexts('split', next)}
            faults={faults.split}
          />
        )}
      </Group>
      <Group
        title="Usable recordings"
        about="Recordings outside of these limits are left out, and the report says so."
      >
        <OptionInputs
          fields={fields.limits}
          texts={texts.limits}
          onChange={(next) => setTexts('limits', next)}
          faults={faults.limits}
        />
      </Group>
      <details className="group" open={Object.keys(faults.validation).length > 0 || undefined}>
        <summary className="w-fit rounded font-medium text-primary-text text-sm">
          Thresholds of the checks ({fields.validation.length})
        </summary>
        <p className="mt-1 mb-4 text-muted-foreground text-sm">
          Limits between good, doubtful and unusable. The defaults suit most recordings.
        </p>
        <OptionInputs
          fields={fields.validation}
          texts={texts.validation}
          onChange={(next) => setTexts('validation', next)}
          faults={faults.validation}
        />
      </details>
    </div>
  );
}

function Group({ title, about, children }: { title: string; about: string; children: ReactNode }) {
  return (
    <fieldset className="grid min-w-0 grid-cols-1 gap-3">
      <legend className="mb-1 font-medium text-sm">{title}</legend>
      <p className="-mt-2 text-muted-foreground text-sm">{about}</p>
      {children}
    </fieldset>
  );
}
