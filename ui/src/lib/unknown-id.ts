/** For `generateStaticParams` of a route with an id: the server serves the page of `_` for every UUID. */
export function unknownId(): { id: string }[] {
  return [{ id: '_' }];
}
