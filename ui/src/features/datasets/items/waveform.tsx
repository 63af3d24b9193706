'use client';

import { Pause, Play, Repeat, ZoomIn, ZoomOut } from 'lucide-react';
import { useCallback, useEffect, useEffectEvent, useRef, useState } from 'react';
import type WaveSurfer from 'wavesurfer.js';
import { Alert } from '@/components/ui/alert';
import { Button } from '@/components/ui/button';
import { Kbd } from '@/components/ui/kbd';
import { Select } from '@/components/ui/select';
import { Skeleton } from '@/components/ui/skeleton';
import { Tooltip } from '@/components/ui/tooltip';
import { formatClock } from '@/lib/format';
import { useStoredState } from '@/lib/stored-state';
import { useTheme } from '@/lib/theme';
import { colorMap } from './color-map';
import { useHotkeys } from './hotkeys';

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
/** How many times closer; 1 shows all of it. */
const ZOOMS = [1, 2, 4, 8, 16, 32];
const WAVE_PX = 88;
const SPECTROGRAM_PX = 128;
const STEP_S = 0.5;

interface WaveformProps {
  url: string;
  /** Plays as soon as it is there. */
  autoPlay?: boolean;
}

/** A recording as waveform and spectrogram, with what one needs to listen closely: zoom, speed, loop, keys. */
export default function Waveform({ url, autoPlay = false }: WaveformProps) {
  const wave = useRef<HTMLDivElement>(null);
  const spectrum = useRef<HTMLDivElement>(null);
  const surfer = useRef<WaveSurfer | null>(null);
  const { isDark } = useTheme();
  const [state, setState] = useState<'loading' | 'ready' | 'broken'>('loading');
  const [isPlaying, setIsPlaying] = useState(false);
  const [timeS, setTimeS] = useState(0);
  const [durationS, setDurationS] = useState(0);
  const [speed, setSpeed] = useStoredState('player.speed', 1);
  const [isLooping, setIsLooping] = useStoredState('player.loop', false);
  const [zoom, setZoom] = useState(0);
  const onFinish = useEffectEvent(() => {
    setIsPlaying(false);
    if (isLooping) void surfer.current?.play(0);
  });
  const start = useEffectEvent((made: WaveSurfer) => {
    made.setPlaybackRate(speed);
    if (autoPlay) void made.play().catch(() => undefined);
  });

  useEffect(() => {
    let isGone = false;
    let made: WaveSurfer | null = null;
    setState('loading');
    setZoom(0);
    setTimeS(0);
    void Promise.all([import('wavesurfer.js'), import('wavesurfer.js/plugins/spectrogram')]).then(
      ([{ default: Surfer }, { default: Spectrogram }]) => {
        if (isGone || !wave.current || !spectrum.current) return;
        const style = getComputedStyle(document.documentElement);
        const color = (name: string) => style.getPropertyValue(name).trim();
        made = Surfer.create({
          container: wave.current,
          height: WAVE_PX,
          url,
          sampleRate: 16_000,
          waveColor: color('--chart-1'),
          progressColor: color('--primary-text'),
          cursorColor: color('--foreground'),
          cursorWidth: 1,
          normalize: true,
          dragToSeek: true,
          plugins: [
            Spectrogram.create({
              container: spectrum.current,
              height: SPECTROGRAM_PX,
              labels: false,
              fftSamples: 512,
              scale: 'mel',
              frequencyMin: 0,
              frequencyMax: 8000,
              autoGain: true,
              rangeDB: 70,
              colorMap: colorMap(isDark),
            }),
          ],
        });
        surfer.current = made;
        made.on('ready', (seconds) => {
          setDurationS(seconds);
          setState('ready');
          if (made) start(made);
        });
        made.on('error', () => setState('broken'));
        made.on('play', () => setIsPlaying(true));
        made.on('pause', () => setIsPlaying(false));
        made.on('finish', () => onFinish());
        made.on('timeupdate', setTimeS);
      },
      () => isGone || setState('broken'),
    );
    return () => {
      isGone = true;
      surfer.current = null;
      made?.destroy();
    };
  }, [url, isDark]);

  const toggle = useCallback(() => void surfer.current?.playPause().catch(() => undefined), []);
  const skip = useCallback((seconds: number) => surfer.current?.skip(seconds), []);
  const zoomTo = (index: number) => {
    const next = Math.min(ZOOMS.length - 1, Math.max(0, index));
    setZoom(next);
    const made = surfer.current;
    if (!made || durationS === 0) return;
    const times = ZOOMS[next] ?? 1;
    made.zoom(times === 1 ? 0 : (times * made.getWidth()) / durationS);
  };
  const changeSpeed = (next: number) => {
    setSpeed(next);
    surfer.current?.setPlaybackRate(next);
  };
  useHotkeys({
    ' ': toggle,
    arrowleft: () => skip(-STEP_S),
    arrowright: () => skip(STEP_S),
    home: () => surfer.current?.setTime(0),
    l: () => setIsLooping(!isLooping),
    '+': () => zoomTo(zoom + 1),
    '=': () => zoomTo(zoom + 1),
    '-': () => zoomTo(zoom - 1),
  });

  return (
    <figure aria-label="Recording" className="grid grid-cols-1 gap-2">
      <div className="relative overflow-hidden rounded-lg border bg-card">
        <div ref={wave} className="border-b" style={{ minHeight: WAVE_PX }} />
        <div ref={spectrum} style={{ minHeight: SPECTROGRAM_PX }} />
        {state === 'loading' && (
          <div className="absolute inset-0 grid gap-px bg-card" aria-hidden>
            <Skeleton className="h-full w-full rounded-none" />
          </div>
        )}
        {state === 'broken' && (
          <div className="absolute inset-0 flex items-center bg-card p-3">
            <Alert tone="danger" title="The recording cannot be played" className="w-full">
              Its address may have expired: close this and open the item again.
            </Alert>
          </div>
        )}
        {state === 'ready' && (
          <>
            <span className="pointer-events-none absolute right-1.5 bottom-1 rounded bg-card/80 px-1 text-2xs text-muted-foreground">
              0 to 8 kHz, mel scale
            </span>
            <span className="pointer-events-none absolute top-1 right-1.5 rounded bg-card/80 px-1 text-2xs text-muted-foreground">
              waveform
            </span>
          </>
        )}
      </div>
      <figcaption className="flex flex-wrap items-center gap-2">
        <Button
          variant="primary"
          size="icon"
          aria-label={isPlaying ? 'Pause' : 'Play'}
          disabled={state !== 'ready'}
          onClick={toggle}
        >
          {isPlaying ? <Pause aria-hidden /> : <Play aria-hidden />}
        </Button>
        <span className="tabular min-w-24 text-muted-foreground text-sm">
          {formatClock(timeS)} / {formatClock(durationS)}
        </span>
        <div className="ml-auto flex items-center gap-1">
          <Tooltip
            content={
              <>
                Loop <Kbd>L</Kbd>
              </>
            }
          >
            <Button
              variant={isLooping ? 'secondary' : 'ghost'}
              size="icon"
              aria-label="Loop"
              aria-pressed={isLooping}
              onClick={() => setIsLooping(!isLooping)}
            >
              <Repeat aria-hidden className={isLooping ? 'text-primary-text' : ''} />
            </Button>
          </Tooltip>
          <Button
            variant="ghost"
            size="icon"
            aria-label="Zoom out"
            disabled={zoom === 0}
            onClick={() => zoomTo(zoom - 1)}
          >
            <ZoomOut aria-hidden />
          </Button>
          <Button
            variant="ghost"
            size="icon"
            aria-label="Zoom in"
            disabled={zoom === ZOOMS.length - 1 || state !== 'ready'}
            onClick={() => zoomTo(zoom + 1)}
          >
            <ZoomIn aria-hidden />
          </Button>
          <Select
            aria-label="Speed"
            className="w-20"
            value={String(speed)}
            onValueChange={(value) => changeSpeed(Number(value))}
            options={SPEEDS.map((value) => ({ value: String(value), label: `${value}×` }))}
          />
        </div>
      </figcaption>
    </figure>
  );
}
