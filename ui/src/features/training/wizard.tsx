'use client';

import { ArrowLeft, ArrowRight, Rocket } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useEffect, useRef, useState } from 'react';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Card } from '@/components/ui/card';
import { ErrorState } from '@/components/ui/error-state';
import { Skeleton } from '@/components/ui/skeleton';
import { toast } from '@/components/ui/toast';
import { useMedia } from '@/lib/use-media';
import { DatasetStep } from './dataset-step';
import { fitsWords } from './estimate-words';
import { focusField } from './schema-form/context';
import { Stepper } from './stepper';
import { canOpen, firstOpen, STEPS, type StepId, stepOf } from './steps';
import { useLaterSteps } from './use-later-steps';
import type { Place, usePlace } from './use-place';
import { useWizard } from './use-wizard';

interface WizardProps {
  place: Place;
  move: ReturnType<typeof usePlace>[1];
}

export function Wizard({ place, move }: WizardProps) {
  const router = useRouter();
  const wizard = useWizard(place, move);
  const isRoomy = useMedia('(min-width: 1024px)');
  const [isEstimateOpen, setEstimateOpen] = useState(false);
  const [wanted, setWanted] = useState<string | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const shown = useRef<StepId | null>(null);

  const { done } = wizard;
  // What the address names is loading; which step is the first open one is not known yet.
  const isLoading =
    (place.dataset !== '' && wizard.dataset.isPending) ||
    (place.model !== '' && wizard.model.isPending) ||
    wizard.isStarting ||
    wizard.form.isPending;
  const step = place.step && (isLoading || canOpen(place.step, done)) ? place.step : firstOpen(done);
  // The address names the step that is shown, so that choosing something does not leave it; what is chosen before
  // that, while something loads, names it too.
  const settled = isLoading ? place.step : step;
  useEffect(() => {
    if (settled !== null && settled !== place.step) move({ step: settled });
  }, [settled, place.step, move]);
  const index = STEPS.findIndex(({ id }) => id === step);
  const { question } = STEPS[index] ?? STEPS[0];
  // Loaded while a dataset is chosen, so that nobody waits for the next step.
  const later = useLaterSteps(step !== 'dataset' || place.dataset !== '');
  const isDrawn = step === 'dataset' || later.steps !== null;
  const open = (next: StepId, field?: string) => {
    setWanted(field ?? null);
    move({ step: next }, 'push');
  };

  // With a new step its heading has the focus, or the field that is to be corrected.
  useEffect(() => {
    if (isLoading || !isDrawn) return;
    const isFirst = shown.current === null;
    if (shown.current === step && wanted === null) return;
    shown.current = step;
    if (isFirst) return;
    window.scrollTo({ top: 0 });
    const frame = requestAnimationFrame(() => {
      if (wanted === null || !focusField(wanted)) heading.current?.focus({ preventScroll: true });
      setWanted(null);
    });
    return () => cancelAnimationFrame(frame);
  }, [step, wanted, isLoading, isDrawn]);

  const faulty = new Set([...wizard.faults.keys()].map(stepOf));
  const withEstimate = step === 'parameters' || step === 'review';
  const isReady =
    step === 'review'
      ? wizard.faults.size === 0 || wizard.launch.isError
      : canOpen(STEPS[index + 1]?.id ?? 'review', done);
  const next = async () => {
    const following = STEPS[index + 1];
    if (following) {
      open(following.id);
      return;
    }
    const job = await wizard.send();
    if (!job) {
      window.scrollTo({ top: 0, behavior: 'smooth' });
      return;
    }
    toast.success('Training launched', { description: job.name });
    router.push(`/jobs/${job.id}`);
  };
  const missing = missingWords(step, wizard.dataset.data === undefined, wizard.configFaults.size);
  const broken = [wizard.dataset, wizard.model].find((query) => query.isError);
  return (
    <>
      <Stepper
        current={step}
        done={done}
        faulty={faulty}
        summaries={{
          ...(wizard.dataset.data ? { dataset: wizard.dataset.data.name } : {}),
          ...(wizard.model.data ? { model: wizard.model.data.title } : {}),
          ...(wizard.draft.start.kind === 'defaults' ? {} : { parameters: wizard.draft.start.title }),
        }}
        onOpen={open}
      />
      <div
        className={withEstimate ? 'grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_21rem]' : 'max-w-4xl'}
      >
        <section aria-labelledby="step-title" className="min-w-0">
          <h2 id="step-title" ref={heading} tabIndex={-1} className="mb-4 font-semibold text-lg outline-none">
            {question}
          </h2>
          {wizard.startFault && (
            <Alert tone="warning" title="Started from the defaults" className="mb-4">
              {wizard.startFault}
            </Alert>
          )}
          {broken && (
            <ErrorState error={broken.error} onRetry={() => void broken.refetch()} className="py-6" />
          )}
          {step === 'dataset' && (
            <DatasetStep wizard={wizard} onChoose={(dataset) => move({ dataset, step })} />
          )}
          {later.steps && step === 'model' && (
            <later.steps.ModelStep wizard={wizard} onChoose={(model) => move({ model, step })} />
          )}
          {later.steps && step === 'parameters' && <later.steps.ParametersStep wizard={wizard} />}
          {later.steps && step === 'review' && <later.steps.ReviewStep wizard={wizard} onOpen={open} />}
          {!isDrawn &&
            (later.error === null ? (
              <Skeleton className="h-96 w-full rounded-lg" />
            ) : (
              <ErrorState error={later.error} onRetry={later.load} className="py-6" />
            ))}
        </section>
        {later.steps && withEstimate && isRoomy && (
          <aside
            aria-label="Estimate"
            // It scrolls, also by keyboard.
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must take the focus
            tabIndex={0}
            className="sticky top-[calc(var(--topbar-height)+1.5rem)] mt-11 max-h-[calc(100dvh-var(--topbar-height)-7.5rem)] overflow-y-auto"
          >
            <Card className="p-4">
              <h2 className="mb-4 font-semibold text-base">Estimate</h2>
              <later.steps.EstimatePanel wizard={wizard} />
            </Card>
          </aside>
        )}
      </div>
      <p role="status" className="sr-only">
        {withEstimate && wizard.isEstimateCurrent && wizard.estimate.data
          ? fitsWords(wizard.estimate.data.devices)
          : ''}
      </p>
      <div className="sticky bottom-0 z-10 -mx-4 mt-6 flex items-center gap-2 border-t bg-background/90 px-4 py-3 backdrop-blur-md sm:-mx-6 sm:px-6 lg:-mx-8 lg:px-8">
        {index > 0 && (
          <Button onClick={() => open(STEPS[index - 1]?.id ?? 'dataset')}>
            <ArrowLeft aria-hidden /> <span className="max-sm:sr-only">Back</span>
          </Button>
        )}
        {later.steps && withEstimate && !isRoomy && (
          <later.steps.EstimateChip wizard={wizard} onOpen={() => setEstimateOpen(true)} />
        )}
        <p className="ml-auto text-right text-muted-foreground text-sm max-sm:hidden">
          {!isReady && missing}
        </p>
        <Button
          variant="primary"
          onClick={next}
          disabled={!isReady}
          busy={wizard.launch.isPending}
          className="max-sm:ml-auto"
        >
          {step === 'review' ? (
            <>
              <Rocket aria-hidden /> Launch training
            </>
          ) : (
            <>
              Continue <ArrowRight aria-hidden />
            </>
          )}
        </Button>
      </div>
      {later.steps && !isRoomy && (
        <later.steps.EstimateDialog wizard={wizard} open={isEstimateOpen} onOpenChange={setEstimateOpen} />
      )}
    </>
  );
}

function missingWords(step: StepId, hasNoDataset: boolean, faults: number): string {
  if (step === 'dataset')
    return hasNoDataset ? 'Choose a dataset to go on.' : 'Choose a dataset that is ready.';
  if (step === 'model') return 'Choose a model to go on.';
  return faults > 0
    ? `Correct ${faults === 1 ? 'the marked setting' : `the ${faults} marked settings`} to go on.`
    : '';
}
