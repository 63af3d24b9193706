/** Numbers, sizes, durations and times as people read them. One place, so that they look the same everywhere. */

const LOCALE = 'en-GB';
const DASH = '–';

type Maybe<T> = T | null | undefined;

/** A count: 12,345. */
export function formatCount(value: Maybe<number>): string {
  return value == null ? DASH : Math.round(value).toLocaleString(LOCALE);
}

/** A large number in few characters: 12.3K, 1.5B. */
export function formatCompact(value: Maybe<number>): string {
  if (value == null) return DASH;
  return new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 }).format(value);
}

/** A measured value with about four significant digits; tiny and huge ones in scientific notation. */
export function formatNumber(value: Maybe<number>, digits = 4): string {
  if (value == null || !Number.isFinite(value)) return DASH;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2).replace('e+', 'e');
  return value.toLocaleString(LOCALE, { maximumSignificantDigits: digits });
}

/** A share of one as a percentage: 0.1234 is 12.3 %. */
export function formatPercent(share: Maybe<number>, decimals = 1): string {
  if (share == null || !Number.isFinite(share)) return DASH;
  return `${(share * 100).toLocaleString(LOCALE, { minimumFractionDigits: decimals, maximumFractionDigits: decimals })} %`;
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** A size in bytes, in binary units: 1.5 GiB. */
export function formatBytes(bytes: Maybe<number>): string {
  if (bytes == null || !Number.isFinite(bytes)) return DASH;
  let size = bytes;
  let unit = 0;
  while (Math.abs(size) >= 1023.95 && unit < BYTE_UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const decimals = unit === 0 || Math.abs(size) >= 99.95 ? 0 : 1;
  return `${size.toLocaleString(LOCALE, { maximumFractionDigits: decimals })} ${BYTE_UNITS[unit]}`;
}

/** A duration in seconds by its two largest units: 1 h 05 min, 42 s, 0.35 s. */
export function formatDuration(seconds: Maybe<number>): string {
  if (seconds == null || !Number.isFinite(seconds)) return DASH;
  if (seconds < 0) return `−${formatDuration(-seconds)}`;
  if (seconds < 10)
    return `${seconds.toLocaleString(LOCALE, { maximumFractionDigits: seconds < 1 ? 2 : 1 })} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** A position in a recording: 1:05.3. */
export function formatClock(seconds: Maybe<number>): string {
  if (seconds == null || !Number.isFinite(seconds)) return DASH;
  const tenths = Math.round(seconds * 10);
  const whole = Math.floor(tenths / 10);
  return `${Math.floor(whole / 60)}:${pad(whole % 60)}.${tenths % 10}`;
}

/** An amount of money in the operator's currency. */
export function formatMoney(amount: Maybe<number>, currency: string): string {
  if (amount == null) return DASH;
  const decimals = amount !== 0 && Math.abs(amount) < 0.1 ? 4 : 2;
  return new Intl.NumberFormat(LOCALE, {
    style: 'currency',
    currency,
    minimumFractionDigits: 2,
    maximumFractionDigits: decimals,
  }).format(amount);
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86400],
  ['month', 30 * 86400],
  ['week', 7 * 86400],
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
];
const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'long' });

/** How long ago, or in how long: 5 minutes ago, tomorrow, just now. */
export function formatRelative(time: Maybe<string | Date>, now: Date = new Date()): string {
  if (time == null) return DASH;
  const seconds = (new Date(time).getTime() - now.getTime()) / 1000;
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.trunc(seconds / size), unit);
  }
  return seconds > 5 ? 'in a moment' : 'just now';
}

/** Date and time in the reader's time zone: 30 Nov 2026, 20:16. */
export function formatDateTime(time: Maybe<string | Date>): string {
  if (time == null) return DASH;
  return new Date(time).toLocaleString(LOCALE, { dateStyle: 'medium', timeStyle: 'short' });
}

/** A date in the reader's time zone: 30 Nov 2026. */
export function formatDate(time: Maybe<string | Date>): string {
  return time == null ? DASH : new Date(time).toLocaleDateString(LOCALE, { dateStyle: 'medium' });
}

/** The first part of an id, enough to recognise it. */
export function formatId(id: string): string {
  return id.slice(0, 8);
}

/** `speech_to_text` as words: Speech to text. */
export function formatWords(name: string): string {
  const words = name.replaceAll('_', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** 1 job, 2 jobs. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

/** "1st", "2nd", "11th". */
export function formatOrdinal(number: number): string {
  const last = number % 100;
  const ending = last > 10 && last < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][number % 10] ?? 'th');
  return `${number.toLocaleString('en-GB')}${ending}`;
}
