// @vitest-environment node
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { connect } from './connection.ts';
import { ConnectionError, ProblemError, SignedOutError } from './errors.ts';
import { readMe } from './generated/index.ts';
import { LoginSession } from './session.ts';

let server: Server | undefined;
afterEach(() => server?.closeAllConnections());

/** A platform whose access tokens t1, t2 ... count its refreshes, and that accepts only some of them. */
async function platform(accepts: (token: string) => boolean, mayRefresh = () => true) {
  const seen = { refreshes: 0, refused: 0 };
  const started = createServer(async (request, response) => {
    const path = request.url ?? '';
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (path.endsWith('/auth/login'))
      return answer(200, { access_token: 't0', refresh_token: 'r0', expires_in: 900 });
    if (path.endsWith('/auth/refresh')) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      if (!mayRefresh())
        return answer(401, { status: 401, code: 'refresh_token_invalid', title: '', detail: 'Ended.' });
      seen.refreshes += 1;
      return answer(200, {
        access_token: `t${seen.refreshes}`,
        refresh_token: `r${seen.refreshes}`,
        expires_in: 900,
      });
    }
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    if (accepts(token)) return answer(200, { username: token });
    seen.refused += 1;
    return answer(401, { status: 401, code: 'token_expired', title: '', detail: 'Expired.' });
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return { baseUrl: `http://127.0.0.1:${(started.address() as AddressInfo).port}`, seen };
}

it('renews an ended access token once for all requests that are under way', async () => {
  const { baseUrl, seen } = await platform((token) => token === 't1');
  const session = new LoginSession({ baseUrl, refreshToken: 'memory' });
  connect({ baseUrl, session });
  await session.logIn('ada', 'secret');
  const answers = await Promise.all([readMe(), readMe(), readMe()]);
  expect(answers.map((answer) => answer.username)).toEqual(['t1', 't1', 't1']);
  expect(seen).toEqual({ refreshes: 1, refused: 3 });
});

it('says once that the login has ended, and who asks gets an error', async () => {
  const { baseUrl } = await platform(
    () => false,
    () => false,
  );
  const ends: string[] = [];
  const session = new LoginSession({ baseUrl, refreshToken: 'memory', onEnd: () => ends.push('ended') });
  connect({ baseUrl, session });
  await session.logIn('ada', 'secret');
  await expect(readMe()).rejects.toThrow(SignedOutError);
  expect(ends).toEqual(['ended']);
  expect(await session.accessToken()).toBeNull();
});

it('does not go round in circles with a platform that refuses every token', async () => {
  const { baseUrl, seen } = await platform(() => false);
  const session = new LoginSession({ baseUrl, refreshToken: 'memory' });
  connect({ baseUrl, session });
  await session.logIn('ada', 'secret');
  await expect(readMe()).rejects.toThrow(ProblemError);
  expect(seen).toEqual({ refreshes: 1, refused: 2 });
});

it('keeps a new login when the refresh of the one before it is refused afterwards', async () => {
  const { baseUrl, seen } = await platform(
    (token) => token === 't0',
    () => false,
  );
  const ends: string[] = [];
  const session = new LoginSession({ baseUrl, refreshToken: 'memory', onEnd: () => ends.push('ended') });
  connect({ baseUrl, session });
  await session.logIn('ada', 'secret');
  const late = session.renewed('t0');
  await session.logIn('ada', 'secret');
  expect(await late).toBe('t0');
  expect((await readMe()).username).toBe('t0');
  expect(ends).toEqual([]);
  expect(seen.refused).toBe(0);
});

it('does not take an answer that breaks off for a refusal', async () => {
  server = createServer((request, response) => {
    const isLogin = (request.url ?? '').endsWith('/auth/login');
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '100' });
    if (isLogin) response.end('{"access_token": "t0", "refresh_token": "r0", "expires_in": 900}'.padEnd(100));
    else response.write('{"username"', () => response.destroy());
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const session = new LoginSession({ baseUrl, refreshToken: 'memory' });
  await session.logIn('ada', 'secret');
  const client = connect({ baseUrl, session });
  await expect(readMe({ client })).rejects.toBeInstanceOf(ConnectionError);
});
