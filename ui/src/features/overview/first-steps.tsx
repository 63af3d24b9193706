import { Check } from 'lucide-react';
import Link from 'next/link';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { cn } from '@/lib/cn';

interface FirstStepsProps {
  hasDataset: boolean;
  hasTraining: boolean;
  hasAdapter: boolean;
}

/** The way from recordings to an adapter, until it was gone once. */
export function FirstSteps({ hasDataset, hasTraining, hasAdapter }: FirstStepsProps) {
  const steps = [
    {
      title: 'Add recordings',
      description:
        'A folder of audio with texts, labels or captions. Each file is checked, and you see what was found.',
      done: hasDataset,
      href: '/datasets/new',
      action: 'Add dataset',
    },
    {
      title: 'Train',
      description:
        'Pick a base model and keep the defaults. You see before you launch what it needs and how long it takes.',
      done: hasTraining,
      href: '/jobs/new',
      action: 'New training',
    },
    {
      title: 'Keep what is better',
      description:
        'Compare with the base on recordings that it never heard, name the adapter and download it.',
      done: hasAdapter,
      href: '/projects',
      action: 'Projects & adapters',
    },
  ];
  const next = steps.findIndex((step) => !step.done);
  return (
    <Card>
      <CardHeader title="Your first better model" description="Three steps; nothing needs to be installed." />
      <CardContent>
        <ol className="grid gap-3 md:grid-cols-3">
          {steps.map((step, index) => (
            <li
              key={step.title}
              className={cn('flex flex-col gap-2 rounded-lg border p-4', index === next && 'border-primary')}
            >
              <span
                className={cn(
                  'flex size-6 items-center justify-center rounded-full font-semibold text-xs',
                  step.done ? 'bg-success-soft text-success-text' : 'bg-muted text-muted-foreground',
                )}
              >
                {step.done ? <Check className="size-3.5" aria-label="Done" /> : index + 1}
              </span>
              <p className="font-medium text-sm">{step.title}</p>
              <p className="flex-1 text-muted-foreground text-sm">{step.description}</p>
              <Button asChild variant={index === next ? 'primary' : 'secondary'} className="self-start">
                <Link href={step.href} prefetch={false}>
                  {step.action}
                </Link>
              </Button>
            </li>
          ))}
        </ol>
      </CardContent>
    </Card>
  );
}
