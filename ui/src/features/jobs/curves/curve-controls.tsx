'use client';

import { RotateCcw } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { Label } from '@/components/ui/label';
import { Switch } from '@/components/ui/switch';
import { useStoredState } from '@/lib/stored-state';

export interface CurveView {
  isLog: boolean;
  /** 0 to 0.99. */
  smoothing: number;
  /** Steps before it are not drawn. */
  from: number;
}

const DEFAULT: CurveView = { isLog: false, smoothing: 0, from: 0 };

/** How curves are drawn; kept in this browser. */
export function useCurveView(): [CurveView, (changes: Partial<CurveView>) => void] {
  const [view, setView] = useStoredState<CurveView>('curves', DEFAULT);
  return [view, (changes) => setView({ ...view, ...changes })];
}

interface CurveControlsProps {
  view: CurveView;
  onChange: (changes: Partial<CurveView>) => void;
  zoom: readonly [number, number] | null;
  onResetZoom: () => void;
  children?: ReactNode;
}

export function CurveControls({ view, onChange, zoom, onResetZoom, children }: CurveControlsProps) {
  return (
    <div className="flex flex-wrap items-center gap-x-5 gap-y-3 rounded-lg border bg-card px-4 py-2.5">
      <div className="flex items-center gap-2">
        <Switch id="curves-log" checked={view.isLog} onCheckedChange={(isLog) => onChange({ isLog })} />
        <Label htmlFor="curves-log" className="font-normal">
          Log scale
        </Label>
      </div>
      <div className="flex items-center gap-2">
        <Label htmlFor="curves-smoothing" className="font-normal">
          Smoothing
        </Label>
        <input
          id="curves-smoothing"
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          value={view.smoothing}
          onChange={(event) => onChange({ smoothing: Number(event.target.value) })}
          className="h-6 w-28 accent-primary"
        />
        <output className="tabular w-8 text-muted-foreground text-xs" htmlFor="curves-smoothing">
          {view.smoothing === 0 ? 'off' : view.smoothing.toFixed(2)}
        </output>
      </div>
      <div className="flex items-center gap-2">
        <Label htmlFor="curves-from" className="font-normal">
          Skip steps before
        </Label>
        <Input
          id="curves-from"
          type="number"
          min={0}
          inputMode="numeric"
          value={view.from === 0 ? '' : view.from}
          placeholder="0"
          onChange={(event) => onChange({ from: Math.max(0, Math.floor(Number(event.target.value) || 0)) })}
          className="w-20"
        />
      </div>
      {children}
      {zoom ? (
        <Button size="sm" onClick={onResetZoom} className="ml-auto">
          <RotateCcw aria-hidden /> Steps {Math.round(zoom[0])} to {Math.round(zoom[1])}: show all
        </Button>
      ) : (
        <p className="ml-auto text-muted-foreground text-xs max-lg:hidden">
          Drag over a chart to zoom, double-click to show all.
        </p>
      )}
    </div>
  );
}
