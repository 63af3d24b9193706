/** Who the caller is: an API key, or a login whose short-lived access token is refreshed silently. */

import { ConnectionError, ProblemError, problemOf, SignedOutError } from './errors.ts';
import type { TokensOut } from './generated/types.gen.ts';

export interface Session {
  /** The token for `Authorization: Bearer`, refreshed if it is about to end; null without a login. */
  accessToken(): Promise<string | null>;
  /** A newer token than one that was refused; null when the login has ended. */
  renewed(refused: string): Promise<string | null>;
}

/** A program's session: an API key does not end by itself. */
export class ApiKeySession implements Session {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  async accessToken(): Promise<string> {
    return this.#key;
  }

  async renewed(): Promise<null> {
    return null;
  }
}

type Tokens = Pick<TokensOut, 'access_token' | 'expires_in'> & { refresh_token?: string | null };

/** Seconds before its end at which an access token is replaced. */
const EARLY_S = 30;
const LOCK = 'less-is-more-refresh';

export interface LoginOptions {
  baseUrl: string;
  /**
   * Where the refresh token lives: `cookie` leaves it with the browser, out of the reach of scripts; `memory` keeps
   * it in this object, for programs.
   */
  refreshToken: 'cookie' | 'memory';
  /** Called when the login has ended without `logOut`: refused, expired, or ended elsewhere. */
  onEnd?: () => void;
}

/** A login by name and password. */
export class LoginSession implements Session {
  readonly #options: LoginOptions;
  #access: { token: string; endsMs: number } | null = null;
  #refreshToken: string | null = null;
  #refreshing: Promise<string | null> | null = null;
  /** Counts log-ins and log-outs: the answer to a request of an earlier login says nothing about this one. */
  #login = 0;

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  /** Log in; throws `ProblemError` for a wrong name or password. */
  async logIn(usernameOrEmail: string, password: string): Promise<void> {
    const response = await this.#post('login', { username_or_email: usernameOrEmail, password });
    this.#forget();
    this.#keep(await tokensOf(response));
  }

  /** Resume the login that an earlier page left; false if there is none. */
  async resume(): Promise<boolean> {
    return (await this.#refresh(null)) !== null;
  }

  /** End the login here and on the platform. */
  async logOut(): Promise<void> {
    try {
      await this.#post('logout', this.#refreshBody());
    } finally {
      this.#forget();
    }
  }

  /** Forget the login without a request: it was ended elsewhere. */
  forget(): void {
    this.#forget();
  }

  async accessToken(): Promise<string | null> {
    const access = this.#access;
    if (access === null) return this.#refreshing ?? null;
    if (Date.now() < access.endsMs - EARLY_S * 1000) return access.token;
    return this.#refresh(access.token);
  }

  async renewed(refused: string): Promise<string | null> {
    if (this.#access !== null && this.#access.token !== refused) return this.#access.token;
    return this.#refresh(refused);
  }

  #refresh(refused: string | null): Promise<string | null> {
    if (this.#refreshing === null) {
      const refreshing = this.#locked(() => this.#exchange(refused)).finally(() => {
        if (this.#refreshing === refreshing) this.#refreshing = null;
      });
      this.#refreshing = refreshing;
    }
    return this.#refreshing;
  }

  /** Refresh tokens rotate: one exchange at a time over all tabs of the browser. */
  #locked<T>(exchange: () => Promise<T>): Promise<T> {
    if (this.#options.refreshToken === 'memory' || !globalThis.navigator?.locks) return exchange();
    return navigator.locks.request(LOCK, exchange) as Promise<T>;
  }

  async #exchange(refused: string | null): Promise<string | null> {
    if (this.#options.refreshToken === 'memory' && this.#refreshToken === null) return null;
    const login = this.#login;
    try {
      const response = await this.#post('refresh', this.#refreshBody());
      const tokens = await tokensOf(response);
      return login === this.#login ? this.#keep(tokens) : this.#current();
    } catch (error) {
      if (login !== this.#login) return this.#current();
      if (!(error instanceof ProblemError) || error.status >= 500 || error.status === 429) throw error;
      const wasOpen = refused !== null;
      this.#forget();
      if (wasOpen) this.#options.onEnd?.();
      return null;
    }
  }

  /** Without waiting: an exchange that waits for another one would hold the lock that the other needs. */
  #current(): string | null {
    return this.#access?.token ?? null;
  }

  #keep(tokens: Tokens): string {
    this.#access = { token: tokens.access_token, endsMs: Date.now() + tokens.expires_in * 1000 };
    if (this.#options.refreshToken === 'memory') this.#refreshToken = tokens.refresh_token ?? null;
    return tokens.access_token;
  }

  #forget(): void {
    this.#login += 1;
    this.#refreshing = null;
    this.#access = null;
    this.#refreshToken = null;
  }

  #refreshBody(): object | undefined {
    return this.#options.refreshToken === 'memory' ? { refresh_token: this.#refreshToken } : undefined;
  }

  async #post(action: 'login' | 'refresh' | 'logout', body: object | undefined): Promise<Response> {
    if (action === 'logout' && this.#options.refreshToken === 'memory' && this.#refreshToken === null) {
      throw new SignedOutError('Nobody is logged in.');
    }
    const headers = new Headers();
    if (body !== undefined) headers.set('Content-Type', 'application/json');
    if (this.#options.refreshToken === 'cookie') headers.set('X-LIM-Session', 'cookie');
    let response: Response;
    try {
      response = await fetch(`${this.#options.baseUrl}/api/v1/auth/${action}`, {
        method: 'POST',
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        credentials: 'same-origin',
      });
    } catch (cause) {
      throw new ConnectionError('The platform cannot be reached. Check the connection, then try again.', {
        cause,
      });
    }
    if (!response.ok) {
      const text = await response.text();
      throw problemOf(response, parsed(text));
    }
    return response;
  }
}

async function tokensOf(response: Response): Promise<Tokens> {
  try {
    return (await response.json()) as Tokens;
  } catch (cause) {
    throw new ConnectionError('The connection broke off. Trying again may help.', { cause });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
