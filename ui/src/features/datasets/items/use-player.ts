'use client';

import { useCallback, useEffect, useRef, useState } from 'react';

export interface Player {
  /** Path of the item that is played or paused; null: none. */
  path: string | null;
  isPlaying: boolean;
  /** 0 to 1. */
  share: number;
  toggle: (path: string, url: string) => void;
  stop: () => void;
}

/** Plays one item of a list at a time. `onBroken`: its address has expired, or its audio cannot be played. */
export function usePlayer(onBroken: () => void): Player {
  const audio = useRef<HTMLAudioElement | null>(null);
  const [path, setPath] = useState<string | null>(null);
  const [isPlaying, setIsPlaying] = useState(false);
  const [share, setShare] = useState(0);
  const broken = useRef(onBroken);
  broken.current = onBroken;

  useEffect(() => {
    const element = new Audio();
    audio.current = element;
    element.preload = 'none';
    const tell = () => setShare(element.duration > 0 ? element.currentTime / element.duration : 0);
    const events: [string, () => void][] = [
      ['play', () => setIsPlaying(true)],
      ['pause', () => setIsPlaying(false)],
      ['timeupdate', tell],
      ['ended', () => setPath(null)],
      [
        'error',
        () => {
          setPath(null);
          setIsPlaying(false);
          broken.current();
        },
      ],
    ];
    for (const [name, listener] of events) element.addEventListener(name, listener);
    return () => {
      for (const [name, listener] of events) element.removeEventListener(name, listener);
      element.pause();
      element.removeAttribute('src');
      audio.current = null;
    };
  }, []);

  const toggle = useCallback(
    (next: string, url: string) => {
      const element = audio.current;
      if (!element) return;
      if (next === path) {
        if (element.paused) void element.play().catch(() => undefined);
        else element.pause();
        return;
      }
      element.src = url;
      setPath(next);
      setShare(0);
      void element.play().catch(() => undefined);
    },
    [path],
  );
  const stop = useCallback(() => {
    audio.current?.pause();
    setPath(null);
  }, []);
  return { path, isPlaying, share, toggle, stop };
}
