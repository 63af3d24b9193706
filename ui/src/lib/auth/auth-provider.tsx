'use client';

import { ProblemError, readMe, type UserOut } from '@less-is-more/client';
import { useQueryClient } from '@tanstack/react-query';
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { keys } from '@/lib/query-keys';
import { onSessionEnd, session } from '@/lib/session';

type Status =
  /** A login that an earlier page left is being looked for. */
  | 'resuming'
  | 'in'
  | 'out'
  /** The platform did not answer; it is asked again. */
  | 'unreachable';

interface Auth {
  status: Status;
  user: UserOut | null;
  /** Why the platform does not say who this is, while it is unreachable. */
  error: unknown;
  isAdmin: boolean;
  /** Whether the login was made by the form in this document, rather than found. */
  isLoggedInHere: boolean;
  logIn: (usernameOrEmail: string, password: string) => Promise<void>;
  logOut: () => Promise<void>;
  /** After the profile has changed. */
  setUser: (user: UserOut) => void;
}

const AuthContext = createContext<Auth | null>(null);
const CHANNEL = 'less-is-more-auth';
const AGAIN_MS = 3000;
/** Set while this browser has a login, whose cookie a script cannot see: no need to ask the platform without it. */
const MARK = 'lim.login';

export function AuthProvider({ children }: { children: ReactNode }) {
  const [status, setStatus] = useState<Status>('resuming');
  const [user, setUser] = useState<UserOut | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isLoggedInHere, setLoggedInHere] = useState(false);
  const queries = useQueryClient();
  const channel = useRef<BroadcastChannel | null>(null);

  const enter = useCallback(async () => {
    const me = await readMe();
    queries.setQueryData(keys.me(), me);
    setUser(me);
    setStatus('in');
    localStorage.setItem(MARK, '1');
  }, [queries]);

  const leave = useCallback(() => {
    setUser(null);
    setLoggedInHere(false);
    setStatus('out');
    localStorage.removeItem(MARK);
    queries.clear();
  }, [queries]);

  const resume = useCallback(async () => {
    if (localStorage.getItem(MARK) === null) {
      setStatus('out');
      return;
    }
    try {
      if (await session.resume()) await enter();
      else leave();
    } catch (error) {
      const isRefused = error instanceof ProblemError && error.status < 500 && error.status !== 429;
      if (isRefused) return leave();
      setError(error);
      setStatus('unreachable');
    }
  }, [enter, leave]);

  useEffect(() => void resume(), [resume]);
  useEffect(() => {
    if (status !== 'unreachable') return;
    const waitS = error instanceof ProblemError ? error.retryAfterS : null;
    const timer = setTimeout(resume, waitS === null ? AGAIN_MS : waitS * 1000);
    return () => clearTimeout(timer);
  }, [status, error, resume]);

  // Tabs live together: a log-in or log-out in one of them counts for all.
  useEffect(() => {
    const tabs = new BroadcastChannel(CHANNEL);
    channel.current = tabs;
    tabs.onmessage = ({ data }) => {
      session.forget();
      if (data === 'out') return leave();
      localStorage.setItem(MARK, '1'); // a log-out that this tab learns of late may have removed it
      void resume();
    };
    const stop = onSessionEnd(() => {
      leave();
    });
    return () => {
      stop();
      tabs.close();
    };
  }, [leave, resume]);

  const value = useMemo<Auth>(
    () => ({
      status,
      user,
      error,
      isAdmin: user?.role === 'admin',
      isLoggedInHere,
      setUser: (changed) => {
        queries.setQueryData(keys.me(), changed);
        setUser(changed);
      },
      logIn: async (name, password) => {
        await session.logIn(name, password);
        queries.clear();
        setLoggedInHere(true);
        await enter();
        channel.current?.postMessage('in');
      },
      logOut: async () => {
        try {
          await session.logOut();
        } finally {
          channel.current?.postMessage('out');
          leave();
        }
      },
    }),
    [status, user, error, isLoggedInHere, queries, enter, leave],
  );
  return <AuthContext value={value}>{children}</AuthContext>;
}

export function useAuth(): Auth {
  const auth = useContext(AuthContext);
  if (auth === null) throw new Error('useAuth needs an AuthProvider above it');
  return auth;
}

/** The user of a page behind the log-in. */
export function useUser(): UserOut {
  const { user } = useAuth();
  if (user === null) throw new Error('useUser is for pages behind the log-in');
  return user;
}
