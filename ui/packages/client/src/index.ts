export { authorizedFetch, type ConnectOptions, connect } from './connection.ts';
export {
  ClientError,
  ConnectionError,
  isProblem,
  ProblemError,
  problemOf,
  SignedOutError,
} from './errors.ts';
export { type FollowOptions, follow, type StreamEvent, type StreamState } from './events.ts';
export { createClient, createConfig } from './generated/client/index.ts';
export * from './generated/index.ts';
export { ApiKeySession, type LoginOptions, LoginSession, type Session } from './session.ts';
export { type UploadProgress, type UploadSource, uploadFile } from './uploads.ts';
