/** Where to go after the log-in: the `next` of the address, if it leads to a page of this site. */
export function nextPage(search: string): string {
  const next = new URLSearchParams(search).get('next') ?? '/';
  // "//host" and "/\host" are other sites to a browser.
  const isHere = /^\/(?![/\\])/.test(next);
  return isHere && !/^\/(login|signup)\b/.test(next) ? next : '/';
}
