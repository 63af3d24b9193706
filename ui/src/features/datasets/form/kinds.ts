/** Kinds of files by their endings: only a guess before the upload, the platform looks into them. */

const AUDIO = new Set(
  'wav flac ogg oga opus mp3 m4a mp4 mov webm mkv aac amr wma aiff aif au caf w64 sph wv'.split(' '),
);
const TABLE = new Set('csv tsv jsonl json txt lab srt vtt sbv ass textgrid xlsx'.split(' '));
const COLUMNAR = new Set('parquet arrow feather'.split(' '));
const ARCHIVE = new Set('zip tar tgz gz bz2 xz tbz2 txz'.split(' '));

export type FileKind = 'audio' | 'table' | 'columnar' | 'archive' | 'other';

export function kindOf(path: string): FileKind {
  const ending = path.slice(path.lastIndexOf('.') + 1).toLowerCase();
  if (!path.includes('.')) return 'other';
  if (AUDIO.has(ending)) return 'audio';
  if (COLUMNAR.has(ending)) return 'columnar';
  if (ARCHIVE.has(ending)) return 'archive';
  return TABLE.has(ending) ? 'table' : 'other';
}
