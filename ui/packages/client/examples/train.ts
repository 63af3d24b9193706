/**
 * From recordings to an adapter: `node examples/train.ts ARCHIVE.zip OUT_FOLDER`, with LIM_URL, LIM_USER and LIM_PASSWORD.
 */

import { openAsBlob } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  completeDataset,
  connect,
  createDataset,
  createJob,
  follow,
  jobArtifacts,
  LoginSession,
  ProblemError,
  readDataset,
  readJob,
  uploadFile,
} from '@less-is-more/client';

const [archive, out] = process.argv.slice(2);
if (!archive || !out) throw new Error('usage: node examples/train.ts ARCHIVE.zip OUT_FOLDER');
const baseUrl = process.env.LIM_URL ?? 'http://127.0.0.1:8000';
const session = new LoginSession({ baseUrl, refreshToken: 'memory' });
connect({ baseUrl, session });
await session.logIn(process.env.LIM_USER ?? '', process.env.LIM_PASSWORD ?? '');

// Upload the recordings, and wait until they are processed.
const source = await openAsBlob(archive);
const files = [{ name: basename(archive), size: source.size }];
const made = await createDataset({ body: { name: 'speech', source: { type: 'upload', files } } });
for (const upload of made.uploads) {
  await uploadFile(upload, source, { onProgress: ({ sentBytes }) => console.log(`sent ${sentBytes} bytes`) });
}
await completeDataset({ path: { dataset_id: made.dataset.id } });
let dataset = await readDataset({ path: { dataset_id: made.dataset.id } });
while (dataset.status === 'processing') {
  await new Promise((resolve) => setTimeout(resolve, 500));
  dataset = await readDataset({ path: { dataset_id: made.dataset.id } });
}
console.log(`dataset ${dataset.status}`);

// Every faulty field of a request is named.
try {
  await createJob({ body: { model_id: 'whisper-pico', dataset_id: dataset.id, config: { max_steps: -1 } } });
} catch (error) {
  if (error instanceof ProblemError)
    console.log(error.errors.map(({ path, message }) => `${path}: ${message}`).join('\n'));
}

// Train, and follow the job to its end.
const config = { max_steps: 20, log_every_steps: 5, evaluation: { base: false } };
const job = await createJob({
  body: { model_id: 'whisper-pico', dataset_id: dataset.id, name: 'first', config },
});
for await (const { kind, data } of follow<{ loss?: number; step?: number }>(`/api/v1/jobs/${job.id}/events`, {
  baseUrl,
  session,
})) {
  if (kind === 'metric' && data.loss !== undefined)
    console.log(`step ${data.step}: loss ${data.loss.toFixed(3)}`);
  if (kind === 'status' && (await readJob({ path: { job_id: job.id } })).finished_at) break;
}
const ended = await readJob({ path: { job_id: job.id } });
console.log(`job ${ended.status}`);

// Download what it made.
await mkdir(out, { recursive: true });
const artifacts = await jobArtifacts({ path: { job_id: job.id } });
for (const { name, url } of artifacts.items.filter((artifact) => artifact.kind === 'adapter')) {
  const answer = await fetch(url);
  await writeFile(join(out, basename(name)), Buffer.from(await answer.arrayBuffer()));
  console.log(`downloaded ${name}`);
}
await session.logOut();
