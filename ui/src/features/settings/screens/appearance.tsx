'use client';

import { Monitor, Moon, Sun } from 'lucide-react';
import { Card, CardContent, CardHeader } from '@/components/ui/card';
import { PageHeader } from '@/components/ui/page-header';
import { RadioCard, RadioGroup } from '@/components/ui/radio-group';
import { setTheme, type Theme, useTheme } from '@/lib/theme';

const THEMES = [
  { value: 'system', title: 'System', description: 'As this device is set.', icon: <Monitor aria-hidden /> },
  { value: 'light', title: 'Light', description: 'Dark text on white.', icon: <Sun aria-hidden /> },
  { value: 'dark', title: 'Dark', description: 'Light text on near black.', icon: <Moon aria-hidden /> },
] as const;

export function AppearanceScreen() {
  const { theme } = useTheme();
  return (
    <>
      <PageHeader title="Appearance" description="Kept in this browser." />
      <Card>
        <CardHeader title="Theme" />
        <CardContent>
          <RadioGroup
            aria-label="Theme"
            value={theme}
            onValueChange={(value) => setTheme(value as Theme)}
            className="sm:grid-cols-3"
          >
            {THEMES.map((option) => (
              <RadioCard key={option.value} {...option} />
            ))}
          </RadioGroup>
        </CardContent>
      </Card>
    </>
  );
}
