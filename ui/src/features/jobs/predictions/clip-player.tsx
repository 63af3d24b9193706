'use client';

import { CircleAlert, Pause, Play } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Button } from '@/components/ui/button';
import { formatClock } from '@/lib/format';

/** One recording plays at a time. */
let playing: HTMLAudioElement | null = null;

interface ClipPlayerProps {
  src: string;
  /** What it is, for its buttons: the recording's id. */
  label: string;
  durationS: number | null;
  /** The address has expired or the recording is gone. */
  onError?: () => void;
}

/** Plays a short recording; nothing is fetched before it is asked for. */
export function ClipPlayer({ src, label, durationS, onError }: ClipPlayerProps) {
  const audio = useRef<HTMLAudioElement>(null);
  const [isPlaying, setPlaying] = useState(false);
  const [atS, setAt] = useState(0);
  const [lengthS, setLength] = useState(durationS ?? 0);
  const [isBroken, setBroken] = useState(false);
  useEffect(() => {
    const element = audio.current;
    return () => element?.pause();
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new address may work where the old one did not
  useEffect(() => setBroken(false), [src]);
  const toggle = () => {
    const element = audio.current;
    if (!element) return;
    if (!element.paused) {
      element.pause();
      return;
    }
    if (playing && playing !== element) playing.pause();
    playing = element;
    element.play().catch(() => undefined);
  };
  return (
    <div className="flex min-w-0 items-center gap-2">
      <Button
        size="icon-sm"
        aria-label={`${isPlaying ? 'Pause' : 'Play'} ${label}`}
        disabled={isBroken}
        onClick={toggle}
      >
        {isBroken ? <CircleAlert aria-hidden /> : isPlaying ? <Pause aria-hidden /> : <Play aria-hidden />}
      </Button>
      <input
        type="range"
        aria-label={`Position in ${label}`}
        aria-valuetext={`${formatClock(atS)} of ${formatClock(lengthS)}`}
        min={0}
        max={Math.max(lengthS, 0.1)}
        step={0.05}
        value={Math.min(atS, lengthS)}
        disabled={isBroken}
        onChange={(event) => {
          const to = Number(event.target.value);
          setAt(to);
          if (audio.current) audio.current.currentTime = to;
        }}
        className="h-6 w-20 min-w-0 accent-primary sm:w-28"
      />
      <span className="tabular text-muted-foreground text-xs">
        {isBroken ? 'cannot be played' : formatClock(isPlaying || atS > 0 ? atS : lengthS)}
      </span>
      {/* biome-ignore lint/a11y/useMediaCaption: what is said stands beside it */}
      <audio
        ref={audio}
        src={src}
        preload="none"
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onEnded={() => {
          setPlaying(false);
          setAt(0);
        }}
        onTimeUpdate={(event) => setAt(event.currentTarget.currentTime)}
        onLoadedMetadata={(event) => {
          if (Number.isFinite(event.currentTarget.duration)) setLength(event.currentTarget.duration);
        }}
        onError={() => {
          setBroken(true);
          onError?.();
        }}
      />
    </div>
  );
}
