// @vitest-environment node
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { ProblemError } from './errors.ts';
import { follow, type StreamState } from './events.ts';
import { ApiKeySession } from './session.ts';

let server: Server | undefined;
afterEach(() => server?.closeAllConnections());

async function serving(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const started = createServer(answer);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}

const session = new ApiKeySession('lim_key');

it('goes on behind the last event when the connection breaks, with nothing lost or repeated', async () => {
  const asked: (string | undefined)[] = [];
  const baseUrl = await serving((request, response) => {
    const after = Number(request.headers['last-event-id'] ?? 0);
    asked.push(request.headers['last-event-id'] as string | undefined);
    expect(request.headers.authorization).toBe('Bearer lim_key');
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('retry: 10\n\n: still here\n\n');
    for (let id = after + 1; id <= after + 3; id += 1)
      response.write(`id: ${id}\nevent: log\ndata: {"n": ${id}}\n\n`);
    // Half an event, and the connection is gone.
    response.write(`id: ${after + 4}\nevent: log\ndata: {"n"`, () => response.destroy());
  });
  const got: number[] = [];
  const states: StreamState[] = [];
  const onState = (state: StreamState) => void states.push(state);
  for await (const { data } of follow<{ n: number }>('/events', { baseUrl, session, onState })) {
    got.push(data.n);
    if (got.length === 9) break;
  }
  expect(got).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(asked).toEqual([undefined, '3', '6']);
  expect(states.slice(0, 4)).toEqual(['connecting', 'open', 'waiting', 'connecting']);
});

it('reads text that is cut between the bytes of a letter', async () => {
  const baseUrl = await serving((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const bytes = Buffer.from('id: 1\ndata: {"text": "Grüße"}\n\n');
    response.write(bytes.subarray(0, bytes.indexOf(0xc3) + 1));
    setTimeout(() => response.end(bytes.subarray(bytes.indexOf(0xc3) + 1)), 20);
  });
  for await (const event of follow('/events', { baseUrl, session })) {
    expect(event).toEqual({ id: '1', kind: 'message', data: { text: 'Grüße' } });
    break;
  }
});

it('ends with the reason when the platform refuses', async () => {
  const baseUrl = await serving((_, response) => {
    response.writeHead(404, { 'Content-Type': 'application/problem+json' });
    response.end(
      JSON.stringify({
        status: 404,
        code: 'job_not_found',
        title: 'Not found',
        detail: 'There is no such job.',
      }),
    );
  });
  const reading = follow('/events', { baseUrl, session }).next();
  await expect(reading).rejects.toThrow(ProblemError);
  await expect(follow('/events', { baseUrl, session }).next()).rejects.toMatchObject({
    code: 'job_not_found',
  });
});

it('ends quietly when it is no longer wanted', async () => {
  const baseUrl = await serving((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(': still here\n\n');
  });
  const stop = new AbortController();
  const reading = follow('/events', { baseUrl, session, signal: stop.signal }).next();
  setTimeout(() => stop.abort(), 50);
  expect(await reading).toEqual({ value: undefined, done: true });
});
