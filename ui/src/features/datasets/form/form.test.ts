import { describe, expect, it } from 'vitest';
import { remarks, summarise } from './checks';
import { readLink } from './cloud-link';
import { kindOf } from './kinds';
import { MOST_LOOSE, matchUpload, PACKED_NAME, planUpload } from './plan';
import { type Chosen, NOTHING, withFiles, without } from './selection';

const chosen = (path: string, text = 'x'): Chosen => ({
  path,
  file: new File([text], path.split('/').at(-1) ?? path),
});
const many = (count: number, folder = 'set') =>
  Array.from({ length: count }, (_, index) => chosen(`${folder}/${index}.wav`, `audio ${index}`));

describe('selection', () => {
  it('takes the chosen folder off the paths and proposes its name', () => {
    const selection = withFiles(NOTHING, [chosen('speech/a/1.wav'), chosen('speech/metadata.csv')]);
    expect(selection.files.map((each) => each.path)).toEqual(['a/1.wav', 'metadata.csv']);
    expect(selection.title).toBe('speech');
  });

  it('proposes the name of a single archive without its endings', () => {
    expect(withFiles(NOTHING, [chosen('my speech.tar.gz')]).title).toBe('my speech');
  });

  it('leaves out what systems put into folders, and says so', () => {
    const selection = withFiles(NOTHING, [
      chosen('s/.DS_Store'),
      chosen('s/__MACOSX/1.wav'),
      chosen('s/a/1.wav'),
    ]);
    expect(selection.files.map((each) => each.path)).toEqual(['a/1.wav']);
    expect(selection.skipped).toBe(2);
  });

  it('keeps the name of a folder of recordings, which may be their class, and of one that is added later', () => {
    const dogs = withFiles(NOTHING, [chosen('dog/1.wav')]);
    const both = withFiles(dogs, [chosen('rain/1.wav')]);
    expect(both.files.map((each) => each.path)).toEqual(['dog/1.wav', 'rain/1.wav']);
  });

  it('replaces a file at the same path and takes one out', () => {
    const selection = withFiles(withFiles(NOTHING, [chosen('1.wav', 'old')]), [chosen('1.wav', 'newer')]);
    expect(selection.files).toHaveLength(1);
    expect(selection.files[0]?.file.size).toBe(5);
    expect(without(selection, '1.wav').files).toEqual([]);
  });
});

describe('plan', () => {
  it('sends a few files as they are', () => {
    expect(planUpload([chosen('1.wav'), chosen('metadata.csv')]).map((file) => file.name)).toEqual([
      '1.wav',
      'metadata.csv',
    ]);
  });

  it('packs many files into one archive, but no archive into an archive', () => {
    const plan = planUpload([...many(MOST_LOOSE + 1), chosen('more.zip')]);
    expect(plan.map(({ name, holds }) => [name, holds])).toEqual([
      [PACKED_NAME, MOST_LOOSE + 1],
      ['more.zip', 1],
    ]);
  });

  it('finds the files of an upload that broke off, packed or not, and names what is missing', () => {
    const loose = [chosen('1.wav', 'abc')];
    expect(matchUpload([{ name: '1.wav', size: 3 }], loose).missing).toEqual([]);
    expect(matchUpload([{ name: '1.wav', size: 4 }], loose).missing).toEqual(['1.wav']);
    const [packed] = planUpload(many(20));
    const expected = [{ name: PACKED_NAME, size: packed?.blob.size ?? 0 }];
    expect(matchUpload(expected, many(20)).missing).toEqual([]);
    expect(matchUpload(expected, many(25)).missing).toEqual([PACKED_NAME]);
  });
});

describe('checks', () => {
  const free = { freeBytes: 1e9 };

  it('tells kinds by their endings', () => {
    expect(['a.WAV', 'b.tar.gz', 'c.parquet', 'metadata.csv', 'LICENSE', 'd.exe'].map(kindOf)).toEqual([
      'audio',
      'archive',
      'columnar',
      'table',
      'other',
      'other',
    ]);
  });

  it('asks for recordings, for room, and for texts', () => {
    const noAudio = withFiles(NOTHING, [chosen('notes.txt')]);
    expect(remarks(noAudio, 'speech_to_text', free)[0]?.title).toBe('No recordings among 1 file');
    const audio = withFiles(NOTHING, [chosen('1.wav'), chosen('2.wav')]);
    expect(remarks(audio, 'speech_to_text', free).map((each) => each.tone)).toEqual(['warning']);
    expect(remarks(audio, 'speech_to_text', { freeBytes: 3 })[0]?.title).toMatch(/Not enough storage: 4 B/);
    const whole = withFiles(audio, [chosen('metadata.csv')]);
    expect(remarks(whole, 'speech_to_text', free)).toEqual([]);
  });

  it('reads folders as classes', () => {
    const folders = withFiles(NOTHING, [
      chosen('s/dog/1.wav'),
      chosen('s/dog/2.wav'),
      chosen('s/rain/1.wav'),
    ]);
    expect([...summarise(folders).folders]).toEqual([
      ['dog', 2],
      ['rain', 1],
    ]);
    expect(remarks(folders, 'audio_classification', free)[0]).toMatchObject({
      tone: 'info',
      title: '2 folders become classes',
      cure: 'dog (2), rain (1).',
    });
  });
});

describe('readLink', () => {
  it('takes what the platform takes', () => {
    expect(readLink(' s3://bucket/speech ').source).toEqual({ type: 's3', uri: 's3://bucket/speech' });
    expect(readLink('https://example.org/a.zip').source).toEqual({
      type: 'url',
      url: 'https://example.org/a.zip',
    });
  });

  it('turns links of clouds into addresses of files', () => {
    expect(readLink('gs://bucket/my data/a.zip').source).toEqual({
      type: 'url',
      url: 'https://storage.googleapis.com/bucket/my%20data/a.zip',
    });
    expect(readLink('https://www.dropbox.com/s/x/a.zip?dl=0').source).toEqual({
      type: 'url',
      url: 'https://www.dropbox.com/s/x/a.zip?dl=1',
    });
  });

  it('says what is wrong and what to give', () => {
    for (const link of ['', 's3://B', 'gs://bucket/', 'ftp://x/y', 'speech.zip', 'https://me:pw@x.org/a']) {
      expect(readLink(link).source, link).toBeNull();
      expect(readLink(link).error, link).toBeTruthy();
    }
  });
});
