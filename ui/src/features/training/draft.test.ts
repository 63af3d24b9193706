import { beforeEach, describe, expect, it } from 'vitest';
import { bodyOf, dropDraft, loadDraft, NEW_DRAFT, saveDraft } from './draft';

beforeEach(() => sessionStorage.clear());

describe('the draft', () => {
  it('survives a reload, and another training does not see it', () => {
    saveDraft('a', { ...NEW_DRAFT, name: 'mine', config: { seed: 1 } });
    expect(loadDraft('a').name).toBe('mine');
    expect(loadDraft('b')).toEqual(NEW_DRAFT);
    dropDraft('a');
    expect(loadDraft('a')).toEqual(NEW_DRAFT);
  });

  it('is new when what is stored cannot be read', () => {
    sessionStorage.setItem('lim.new-training.a', '{broken');
    expect(loadDraft('a')).toEqual(NEW_DRAFT);
  });

  it('keeps only the newest few', () => {
    for (let n = 0; n < 20; n += 1) saveDraft(`draft-${n}`, NEW_DRAFT);
    expect(sessionStorage.length).toBeLessThanOrEqual(8);
  });
});

describe('the request', () => {
  const config = { seed: 0 };
  const ids = { datasetId: 'd', modelId: 'm', defaultName: 'M on D' };

  it('has a name even when none is entered, and a budget only when one is set', () => {
    const body = bodyOf({ ...NEW_DRAFT, config }, ids);
    expect([body.name, body.budget]).toEqual(['M on D', null]);
    const limited = bodyOf({ ...NEW_DRAFT, config, name: ' x ', budget: { wall_s: 60, cost: null } }, ids);
    expect([limited.name, limited.budget]).toEqual(['x', { wall_s: 60, cost: null }]);
  });
});
