/** A link as people copy it, as a source that the platform can fetch. */

export type LinkSource = { type: 'url'; url: string } | { type: 's3'; uri: string };

export interface ReadLink {
  source: LinkSource | null;
  /** What is wrong, and what to give. */
  error?: string;
  /** What is done with the link. */
  note?: string;
}

export function readLink(text: string): ReadLink {
  const link = text.trim();
  if (!link) return { source: null, error: 'Give the address of the recordings.' };
  if (/^s3:\/\//i.test(link)) {
    if (!/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/.*)?$/.test(link))
      return { source: null, error: 'Write it as s3://bucket/folder or s3://bucket/file.zip.' };
    return { source: { type: 's3', uri: link } };
  }
  const bucket = /^gs:\/\/([^/]+)\/(.+)$/i.exec(link);
  if (bucket) {
    const key = (bucket[2] ?? '').split('/').map(encodeURIComponent).join('/');
    if (key.endsWith('/') || !key)
      return {
        source: null,
        error:
          'Name one file, such as gs://bucket/speech.zip: a folder of Google Cloud cannot be listed without its key.',
      };
    const url = `https://storage.googleapis.com/${bucket[1]}/${key}`;
    return { source: { type: 'url', url }, note: `Fetched from ${url}; it must be public.` };
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(link) && !/^https?:\/\//i.test(link)) {
    const scheme = link.slice(0, link.indexOf(':'));
    return {
      source: null,
      error: `${scheme}:// cannot be fetched. Give an s3://, gs:// or https:// address.`,
    };
  }
  let url: URL;
  try {
    url = new URL(link);
  } catch {
    return { source: null, error: 'Give a whole address, such as https://example.org/speech.zip.' };
  }
  if (url.username || url.password)
    return {
      source: null,
      error: 'Leave user name and password out of the address: it is stored and shown.',
    };
  if (url.hostname.endsWith('dropbox.com') && url.searchParams.get('dl') === '0') {
    url.searchParams.set('dl', '1');
    return {
      source: { type: 'url', url: url.href },
      note: 'Dropbox: the file itself is fetched, not its page.',
    };
  }
  return { source: { type: 'url', url: link } };
}
